"""Help, completion and the version come at once, without torch."""

import os
import subprocess
import sys

import pytest

from idm.cli.app import VERBS

WITHOUT_TORCH = """
import sys
from idm.cli import main
for arguments in {commands!r}:
    assert main(arguments) == 0, arguments
heavy = [name for name in ("torch", "numpy", "matplotlib", "sklearn", "pandas", "yaml") if name in sys.modules]
assert not heavy, heavy
assert len(sys.modules) < {most}, len(sys.modules)
"""
MOST_MODULES = 700
"""All help pages together import some 450 modules, in a third of a second; torch alone has a thousand."""


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_help_pages_import_little_and_no_torch():
    commands = [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)]
    done = python("-c", WITHOUT_TORCH.format(commands=commands, most=MOST_MODULES))
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in VERBS)


def test_completion_names_the_verbs():
    words = {"COMP_WORDS": "idm in", "COMP_CWORD": "1", "_IDM_COMPLETE": "complete_bash"}
    done = python("-X", "importtime", "-c", "from idm.cli import main; main([])", **words)
    assert done.stdout.split() == ["interpolate", "info"]
    assert "torch" not in done.stderr


def test_importing_idm_imports_nothing_heavy():
    assert python("-c", "import sys, idm; assert 'torch' not in sys.modules, 'torch'").returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(idm, verb):
    result = idm(verb, "--help")
    assert result.code == 0
    assert "Usage: idm" in result.out
    assert not result.err


def test_the_program_alone_shows_its_help(idm):
    result = idm()
    assert "Usage: idm" in result.out


def test_a_reader_that_leaves_early_is_no_error():
    shell = f"{sys.executable} -m idm config | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
