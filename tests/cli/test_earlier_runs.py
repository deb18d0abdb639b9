"""A run of an earlier version opens, and gives what that version gave.

``tests/data/run_of_0.1`` was trained by version 0.1.0: a U-Net of 3,226 parameters, 60 steps on 40 pictures of two
classes; what that version drew, scored and encoded with it is in ``expected.npz`` and ``expected.json``. Samples and
latents there are of its network in float64: in float32 the last steps of rounding differ between processors, and walks
make 5e-5 of that, so that a test of 1e-6 would be one of the processor.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import idm
from idm.cli import main
from idm.run import draw
from idm.run.encoding import encode
from idm.run.inputs import read_inputs
from idm.run.inversions import choose_inversion

from ..forging import edit, put

STORED = Path(__file__).parents[1] / "data" / "run_of_0.1"
ARRAYS = dict(np.load(STORED / "expected.npz"))
FIGURES = json.loads((STORED / "expected.json").read_text())


@pytest.fixture
def earlier(tmp_path):
    """A copy of the run that finds its data."""
    shutil.copy(STORED / "pictures.npz", tmp_path)
    run = shutil.copytree(STORED / "run", tmp_path / "run")
    pictures = str(tmp_path / "pictures.npz")
    return edit(run, "experiment", lambda document: put(document, "data.source.path", pictures))


class InFloat64(nn.Module):
    """A network that is asked in float32 and computes in float64."""

    def __init__(self, network):
        super().__init__()
        self.network = network.double()

    def forward(self, x, t, **kwargs):
        return self.network(x.double(), t, **kwargs).float()


def near(found, name, tolerance=2e-6):
    return torch.testing.assert_close(found, torch.from_numpy(ARRAYS[name]), rtol=0.5 * tolerance, atol=tolerance)


def load_as_it_is(folder):
    return idm.load(folder, device="cpu")


def load_wide(folder):
    run = load_as_it_is(folder)
    return replace(run, network=InFloat64(run.network))


# Steps are taken in float32, whose sums processors round differently: some 1e-5 of samples in [-1, 1] at the end.
@pytest.mark.parametrize(
    ("load", "tolerance"), [(load_wide, 2e-5), (load_as_it_is, 2e-4)], ids=["network in float64", "as it is"]
)
def test_samples_are_those_of_the_version_that_trained_it(earlier, load, tolerance):
    run = load(earlier)
    for name, samples in {
        "ddim": draw(run, 3, seed=3),
        "ddpm": draw(run, 3, seed=3, sampler=idm.SamplerDDPM(run.diffusion)),
        "guided": draw(run, 2, labels=[0, 1], seed=5, guidance=2.5),
    }.items():
        near(samples, name, tolerance)


@pytest.mark.parametrize(
    ("of_run", "sampler"),
    [
        ({"steps": 50}, "SamplerMultistep"),
        ({"steps": 6}, "SamplerDDIM"),  # its own few steps, which nobody chose another sampler for
        ({"steps": 50, "eta": 0.3}, "SamplerDDIM"),
        ({"steps": 50, "name": "ddpm", "eta": None, "clipping": None}, "SamplerDDPM"),
    ],
)
def test_few_steps_are_taken_by_the_best_solver_where_its_sampler_was_nobody_s_choice(earlier, of_run, sampler):
    def change(document):
        kept = {**document["sampler"], **of_run}
        document["sampler"] = {name: value for name, value in kept.items() if value is not None}
        return document

    assert type(idm.load(edit(earlier, "experiment", change), device="cpu").sampler(steps=6)).__name__ == sampler


def test_its_bound_and_its_decoder_are_those_of_the_version_that_trained_it(earlier, tmp_path):
    assert main(["evaluate", str(earlier), "--num", "4", "--out", str(tmp_path / "bound"), "--device", "cpu"]) == 0
    found = json.loads((tmp_path / "bound" / "evaluation.json").read_text())["bits_per_dim"]
    for name, expected in FIGURES["bits_per_dim"].items():
        # the prior is what is left of terms of about 1, of which processors round the last bit of float32 differently
        assert found[name]["mean"] == pytest.approx(expected, rel=1e-5, abs=1.2e-7), name


def test_its_latents_are_those_of_the_version_that_trained_it(earlier, tmp_path):
    out = tmp_path / "latents.safetensors"
    words = ["encode", earlier, "held-out:0-1", "--steps", "6", "--out", out, "--device", "cpu"]
    assert main([str(word) for word in (*words, "--method", "ddim", "--spacing", "linspace")]) == 0
    near(load_file(out)["latents"], "latents_latents", 2e-4)
    assert main(["decode", str(earlier), str(out), "--out", str(tmp_path / "decoded"), "--device", "cpu"]) == 0


def test_its_latents_are_those_of_that_version_also_to_the_last_digits_of_float32(earlier):
    run = load_wide(earlier)
    choice = choose_inversion(run.diffusion, "ddim", steps=6, spacing="linspace")
    near(encode(run, read_inputs(run, ["held-out:0-1"]), choice=choice).x, "latents_latents")


@pytest.mark.parametrize("verb", ["info", "verify"])
def test_it_is_sound(earlier, verb):
    assert main([verb, str(earlier)]) == 0


def test_its_training_goes_on_as_it_would_have(earlier):
    assert main(["train", "--out", str(earlier), "--set", "training.num_steps=80", "--device", "cpu"]) == 0
    last = json.loads((earlier / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 80
    assert last["loss"] == pytest.approx(FIGURES["loss_at_step_80"], rel=1e-5)
