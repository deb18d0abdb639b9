"""Likelihoods of a run by its probability flow, in the units of the data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from idm.core.errors import DataError, SettingsError
from idm.run import Run, open_run_data

from .test_evaluate import tiny


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tiny(tmp_path_factory.mktemp("digits"), data={"source": {"name": "digits"}, "held_out": 40})


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("points")
    np.save(folder / "points.npy", np.random.default_rng(3).normal(size=(60, 2)))
    source = {"name": "arrays", "path": str(folder / "points.npy")}
    return tiny(folder / "run", data={"source": source, "held_out": 20}, network={"name": "mlp", "width": 8})


def test_data_in_larger_units_cost_the_logarithm_of_the_unit_more_per_dimension(points: Run) -> None:
    codec = points.spec.codec
    larger = replace(
        codec, offset=tuple(1024.0 * one for one in codec.offset), scale=tuple(1024.0 * one for one in codec.scale)
    )
    other = replace(points, spec=replace(points.spec, codec=larger))
    x = np.random.default_rng(0).normal(size=(6, 2))
    before, after = (run.score_by_flow(values, steps=10) for run, values in ((points, x), (other, 1024.0 * x)))
    for one, two in ((before.bits_per_dim, after.bits_per_dim), (before.of_half, after.of_half)):
        torch.testing.assert_close(two - one, torch.full((6,), 10.0).double(), rtol=0, atol=1e-6)
    assert before.probes == 0


def test_held_out_samples_are_scored_as_ones_own_are(digits: Run) -> None:
    found = digits.evaluate(metrics=["flow"], num=3, flow_steps=4, seed=5)
    assert found.flow is not None
    assert found.scored is None
    data = open_run_data(digits)
    x, y = data.held_out.first(3)
    assert y is not None
    own = digits.score_by_flow(digits.restored(x), labels=y.tolist(), steps=4, seed=5)
    torch.testing.assert_close(own.bits_per_dim, found.flow.bits_per_dim, rtol=1e-5, atol=1e-5)
    assert found["flow"].value == pytest.approx(found.flow.mean.mean)
    assert "an upper bound for probabilities of 17 levels" in found["flow"].note
    assert found.flow.probes == 1
    plain = found.to_plain()["flow"]
    assert (plain["steps"], plain["bits_per_dim"]["mean"]) == (4, found.flow.mean.mean)


def test_few_steps_are_called_out(points: Run, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    assert points.score_by_flow(x, steps=2).has_few_steps
    assert "warning: flow_steps: 2 are few, as half of them move the mean by" in capsys.readouterr().err


def test_what_has_no_flow_is_refused(digits: Run, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="flow_steps: an even number wanted, got 5"):
        digits.evaluate(metrics=["flow"], flow_steps=5)
    everything = tiny(tmp_path, data={"source": {"name": "digits"}, "held_out": 0})
    with pytest.raises(DataError, match="held-out samples wanted"):
        everything.evaluate(metrics=["flow"])
