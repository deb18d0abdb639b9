"""Each way to train, by its settings, from training to every use of the run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import idm
from idm.core.progress import SILENT
from idm.diffusion import Preconditioned
from idm.samplers import SAMPLERS
from idm.settings import Experiment, from_plain

TINY: dict[str, Any] = {
    "data": {"source": {"name": "digits"}, "held_out": 1_700},
    "network": {"model_channels": 8, "num_res_blocks": 1, "channel_mult": [1], "attention_resolutions": []},
    "training": {"num_steps": 2, "batch_size": 4, "label_dropout": 0.1, "sample_interval": 0, "bound_interval": 0},
    "sampler": {"name": "ddim", "steps": 3},
}
CHOICES: dict[str, dict[str, Any]] = {
    "flow matching": {
        "schedule": {"name": "flow", "num_timesteps": 20},
        "diffusion": {"prediction": "velocity"},
        "timesteps": {"name": "logit_normal"},
    },
    "flow, edm": {
        "schedule": {"name": "flow", "num_timesteps": 20},
        "diffusion": {"prediction": "edm", "variance": "fixed_small", "weighting": "min_snr"},
    },
    "flow, previous_x": {
        "schedule": {"name": "flow", "num_timesteps": 20},
        "diffusion": {"prediction": "previous_x", "variance": "fixed_large"},
    },
    "edm": {
        "schedule": {"num_timesteps": 20, "side": 32},
        "diffusion": {"prediction": "edm"},
        "timesteps": {"name": "log_normal"},
    },
    "zero terminal SNR": {
        "schedule": {"name": "linear", "num_timesteps": 30, "zero_terminal_snr": True},
        "diffusion": {"prediction": "v", "weighting": "sigmoid"},
        "timesteps": {"name": "log_snr_uniform", "importance": True},
    },
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_a_run_trained_so_is_reopened_sampled_scored_encoded_and_interpolated(
    choice: dict[str, Any], tmp_path: Path
) -> None:
    experiment = from_plain(Experiment, TINY | choice)
    trained = idm.train(experiment, tmp_path / "run", device="cpu", preview=None, listener=SILENT)
    run = idm.load(tmp_path / "run", device="cpu")
    assert run.diffusion.prediction == trained.diffusion.prediction
    images = run.sample(2, seed=3)
    assert np.array_equal(images, trained.sample(2, seed=3))
    whole = run.diffusion.prediction.is_mean  # which is told at levels of its grid alone
    for name in SAMPLERS:
        steps = {"spacing": "linspace", "steps": 0 if whole else 4}
        assert run.sample(2, sampler=run.sampler(name=name, **steps)).shape == images.shape
    if not whole:
        guided = run.sample(2, guidance=1.5, sampler=run.sampler(threshold=0.9, spacing="log_snr", steps=5))
        assert guided.shape == images.shape
    analytic = run.using(variance="analytic")
    assert np.isfinite([analytic.score(images).mean.mean, run.evaluate(steps=4, num=2).bound.total.mean]).all()
    assert run.decode(run.encode(images, steps=3)).shape == images.shape
    assert run.interpolate(images[0], images[1], num=3, steps=3).shape[0] == 3


def test_the_deviation_that_was_measured_is_the_run_s_own(tmp_path: Path) -> None:
    experiment = from_plain(Experiment, TINY | {"diffusion": {"prediction": "edm"}})
    run = idm.train(experiment, tmp_path, device="cpu", preview=None, listener=SILENT)
    measured = run.experiment.diffusion.sigma_data
    pixels = load_digits().images / 8.0 - 1.0  # 97 of them are trained on, drawn by chance
    assert measured == pytest.approx(float(pixels.std()), rel=0.03)
    assert run.diffusion.prediction == Preconditioned(sigma_data=measured)
    longer = replace(experiment, training=replace(experiment.training, num_steps=3))
    assert longer.diffusion.sigma_data == "auto"
    again = idm.train(longer, tmp_path, device="cpu", preview=None, listener=SILENT)
    assert (again.step, again.experiment.diffusion.sigma_data) == (3, measured)
