"""What the shell completes."""

import json
import os
import subprocess
import sys

import pytest

from idm.cli import completion

COMPLETED = {
    "idm train --preset imagenet64_": ["imagenet64_class_conditional"],
    "idm config --preset dig": ["digits"],
    "idm config data.held": ["data.held_out", "data.held_out_list", "data.held_out_folder"],
    "idm sample RUN --sampler dd": ["ddpm", "ddim"],
    "idm evaluate RUN --sampler ddi": ["ddim"],
    "idm train --set training.num_": ["training.num_steps="],
    "idm train --set num_st": ["num_steps="],
    "idm demo --set sampler.name=": [f"sampler.name={name}" for name in ("ddpm", "ddim", "multistep", "heun")],
    "idm train --set random_flip=t": ["random_flip=true"],
    "idm sample RUN --set e": ["eta="],
    "idm sample RUN --set training.": [],
    "idm check-data PATH --set chan": ["channels=", "channel_axes="],
    "idm check-math sam": ["samplers"],
    "idm train --track w": ["wandb"],
    "idm sample RUN --precision bf": ["bfloat16"],
    "idm sample RUN --spacing l": ["linspace", "leading", "log_snr"],
    "idm sample RUN --device cu": ["cuda"],
    "idm sample RUN --guidance-rule c": ["cfg_zero"],
}

SCRIPT = """
import contextlib, io, json, os, sys
from idm.cli import main
found = {}
for line in json.load(sys.stdin):
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = line, str(len(line.split()) - 1)
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main([])
    found[line] = said.getvalue().split()
assert "torch" not in sys.modules
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def completed() -> dict[str, list[str]]:
    """What is completed of every line, without torch."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(list(COMPLETED)),
        capture_output=True,
        text=True,
        env={**os.environ, "_IDM_COMPLETE": "complete_bash"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("line", COMPLETED)
def test_names_are_completed_without_torch(completed: dict[str, list[str]], line: str) -> None:
    assert completed[line] == COMPLETED[line]


def test_every_name_that_is_completed_for_a_setting_is_found() -> None:
    from idm.settings import Experiment
    from idm.settings.schema import every_key
    from idm.settings.short_names import in_full

    offered = [name.removesuffix("=") for name in completion.settings("")]
    assert {in_full(f"{name}=x").partition("=")[0] for name in offered} <= {
        path for path, _, _ in every_key(Experiment)
    }
