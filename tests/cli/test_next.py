"""The command that a verb names as the next one works as it is printed."""

import json
import shlex
import shutil

import numpy as np
import pytest
import torch

from idm.interop.openai import unet_from_flags

FLAGS = {
    "image_size": 32,
    "num_channels": 32,
    "num_res_blocks": 1,
    "noise_schedule": "cosine",
    "attention_resolutions": "4",
}
SETTINGS = {
    "schedule.num_timesteps": 6,
    "network.width": 8,
    "training.num_steps": 4,
    "training.snapshot_interval": 2,
    "training.sample_interval": 0,
}
SHORT = [f"--set={name}={value}" for name, value in SETTINGS.items()]
VERBS = [("calibrate", "--levels", 4), ("ema", "--sigma-rel", 0.1), ("fit-solver", "--calls", 2)]


def next_of(result):
    """Words of the command that is told as the next one, without the program's name."""
    assert result.code == 0, result.err
    (line,) = [line for line in result.out.splitlines() if line.startswith("Next: ")]
    _, program, *words = shlex.split(line)
    assert program == "idm"
    return words


@pytest.fixture(scope="module", params=[4, 0])
def trained(idm, tmp_path_factory, request):
    """A file of points, a run of them, and how many were held out."""
    folder = tmp_path_factory.mktemp("trained")
    path, run = folder / "points.npy", folder / "run"
    np.save(path, np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32))
    assert idm("train", "--data", path, "--out", run, *SHORT, f"--set=data.held_out={request.param}").code == 0
    return path, run, request.param


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_it_works_on_a_short_chain_and_where_nothing_was_held_out(idm, tmp_path, trained, verb):
    path, run, num_held_out = trained
    run = shutil.copytree(run, tmp_path / "run")
    words = next_of(idm(verb[0], run, *verb[1:]))
    assert ("--data" in words) == (words[0] == "evaluate" and num_held_out == 0)
    result = idm(*(path if word == "PATH" else word for word in words), "--out", tmp_path / "out")
    assert result.code == 0, result.err


@pytest.mark.parametrize(("num_steps", "told"), [(6, []), (25, ["--steps", "25"])])
def test_imported_weights_are_sampled_on_a_chain_of_any_length(idm, tmp_path, num_steps, told):
    flags = FLAGS | {"diffusion_steps": num_steps}
    torch.save(unet_from_flags(flags).state_dict(), tmp_path / "w.pt")
    (tmp_path / "flags.json").write_text(json.dumps(flags))
    command = ("import", tmp_path / "w.pt", "--flags", tmp_path / "flags.json", "--out", tmp_path / "run")
    words = next_of(idm(*command))
    assert words[6:] == told
    result = idm(*words, "--no-trajectory")
    assert result.code == 0, result.err
