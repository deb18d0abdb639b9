"""Averages made afterwards, and the decoder's variance that goes with them."""

import numpy as np
import pytest

from idm.core.progress import SILENT
from idm.run import load, open_run_data
from idm.run.calibrate import CURVE, calibrate
from idm.storage import Checkpoint
from idm.tasks import train
from idm.tasks.ema import reconstruct


@pytest.fixture
def trained(experiment, tmp_path):
    """Train on points in a file; keyword arguments change the experiment."""

    def make(**changes):
        np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
        whole = experiment(
            data={"source": {"name": "arrays", "path": str(tmp_path / "points.npy")}, "held_out": 8},
            network={"name": "mlp", "width": 8},
            training={
                "num_steps": 4,
                "batch_size": 4,
                "snapshot_interval": 1,
                "sample_interval": 0,
                "learning_rate": 0.05,
                "posthoc_sigma_rels": [0.05, 0.15],
            },
            **changes,
        )
        train(whole, tmp_path / "run", device="cpu", listener=SILENT)
        return tmp_path / "run"

    return make


def fitted(checkpoint):
    return Checkpoint(checkpoint).document("calibration")


def errors(checkpoint):
    return fitted(checkpoint)[CURVE]["mean_squared_error"]


def test_the_decoder_is_fitted_to_the_new_weights(trained):
    trained_run = trained()
    made = reconstruct(trained_run, 0.1, device="cpu")
    assert made.is_calibrated is True
    assert errors(made.checkpoint) != pytest.approx(errors(load(trained_run).checkpoint), rel=1e-3)
    run = load(made.checkpoint, device="cpu")
    again = calibrate(run.experiment, run.diffusion, run.network, open_run_data(run))
    assert errors(made.checkpoint) == pytest.approx(again[CURVE]["mean_squared_error"], rel=1e-5)


def test_the_decoder_stays_where_the_data_are_away(trained, tmp_path):
    run = trained()
    (tmp_path / "points.npy").unlink()
    made = reconstruct(run, 0.1, device="cpu")
    assert made.is_calibrated is False
    assert fitted(made.checkpoint) == fitted(load(run, device="cpu").checkpoint)


def test_nothing_is_fitted_where_the_models_own_variance_is_wanted(trained, tmp_path):
    run = trained(diffusion={"decoder_variance": "model"})
    (tmp_path / "points.npy").unlink()
    made = reconstruct(run, 0.1, device="cpu")
    assert made.is_calibrated is None
    assert fitted(made.checkpoint) == {}


def test_one_checkpoint_is_enough_for_the_widths_in_it(trained, tmp_path):
    run = trained()
    alone = tmp_path / "elsewhere" / "step-00000004"
    alone.parent.mkdir()
    load(run, device="cpu").checkpoint.rename(alone)
    made = reconstruct(alone, 0.15, tmp_path / "out", device="cpu")
    ours, stored = Checkpoint(made.checkpoint).tensors("ema-0.9999"), Checkpoint(alone).tensors("power-0.15")
    for name, value in stored.items():
        np.testing.assert_allclose(ours[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)
    assert made.num_snapshots == 2
