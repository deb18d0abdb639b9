"""A network that returns NaN: exit code 5 and one line, and nothing is written as if it were a picture or a score."""

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from idm.run.latents import Latents
from idm.storage import open_checkpoint
from idm.storage.disk import write_json
from idm.storage.manifest import make_manifest

RESULTS = (".png", ".webp", ".npz", ".json", ".safetensors")


@pytest.fixture(scope="module")
def broken(run, tmp_path_factory):
    """A copy of a run whose averaged weights are not finite, as no run that is trained here leaves them."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    shutil.copytree(run, folder)
    checkpoint = open_checkpoint(folder).path
    for path in checkpoint.glob("ema-*.safetensors"):
        save_file({name: torch.full_like(value, torch.nan) for name, value in load_file(path).items()}, path)
    (checkpoint / "manifest.json").unlink()
    write_json(checkpoint / "manifest.json", make_manifest(checkpoint, int(checkpoint.name[5:]), None))
    return folder


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("sample", "--num", "3"), "samples"),
        (("sample", "--num", "4", "--batch-size", "2", "--sampler", "ddpm", "--steps", "3"), "samples"),
        (("evaluate", "--num", "3", "--steps", "3"), "bounds"),
        (("encode", "held-out:0-1", "--steps", "3"), "latents"),
        (("decode", "LATENTS"), "samples"),
        (("interpolate", "held-out:0", "held-out:1", "--num", "3", "--steps", "3"), "images on the way"),
    ],
)
def test_results_that_are_not_finite_are_refused_and_not_written(idm, run, broken, tmp_path, command, what):
    latents, out = tmp_path / "latents.safetensors", tmp_path / "out"
    if "LATENTS" in command:
        assert idm("encode", run, "held-out:0-1", "--steps", "3", "--out", latents).code == 0
        replace(Latents.read(latents), checkpoint="").save(latents)  # of whatever checkpoint
    verb, *arguments = (latents if argument == "LATENTS" else argument for argument in command)
    destination = out / "x.safetensors" if verb == "encode" else out
    result = idm(verb, broken, *arguments, "--out", destination)
    assert result.code == 5, result.err
    (line,) = result.errors
    assert line.startswith(f"error[E500]: {what}: finite numbers wanted, got NaN or infinity in")
    assert [path for path in out.rglob("*") if path.suffix in RESULTS and not path.parent.name.startswith(".")] == []


def test_no_run_begins_with_such_weights(idm, tiny, broken, tmp_path):
    result = idm("train", "--preset", "digits", "--init", broken, "--out", tmp_path / "new", *tiny())
    assert result.code == 5, result.err
    (line,) = result.errors
    assert "init: weights that are finite numbers wanted, got NaN or infinity in " in line
    assert not (tmp_path / "new").exists()
