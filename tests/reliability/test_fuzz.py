"""Wrong input of every kind gives lines, not tracebacks: 25,000 inputs, of which a share is tried every time."""

import pytest

from .calls import make_calls
from .checkpoints import make_checkpoints
from .commands import make_commands
from .configs import make_configs
from .folders import READERS, make_files, make_folders
from .harness import fuzz

KINDS = {
    "configurations": (make_configs, 3_500),
    "checkpoints": (make_checkpoints, 2_500),
    "images and folders": (make_folders, 2_500),
    "files of every reader": (make_files, 1_000 * len(READERS)),
    "command lines": (make_commands, 1_000),
    "calls": (make_calls, 500),
}
SHARE = 100


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_input_gives_a_line_and_a_documented_exit_code(kind, tmp_path, prove, record):
    make, total = KINDS[kind]
    outcome = fuzz(kind, make(tmp_path), range(0, total, 1 if prove else SHARE), tmp_path)
    assert not outcome.failures, "\n\n".join(outcome.failures[:10])
    record(f"fuzzed {kind}: no traceback, no hang over 5 s, a documented exit code", f"{outcome.total:,} of {total:,}")
