"""Likelihoods of a run by its probability flow, in the units of the data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from idm.core.errors import DataError, SettingsError
from idm.data import Codec
from idm.likelihood import FlowLikelihood, flow_likelihood
from idm.run import Run, flows, open_run_data
from idm.run.flows import flow_scores, flow_to_plain, warn_of_few_steps

from .test_evaluate import tiny

CONTINUOUS = Codec("float32", None, (0.0,), (1.0,))


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
    assert found["flow"].note.endswith("1 probe; too few steps to bound probabilities of 17 levels (0 to 16)")
    assert found.flow.probes == 1
    plain = found.to_plain()["flow"]
    assert (plain["steps"], plain["bits_per_dim"]["mean"]) == (4, found.flow.mean.mean)


def likelihood(bits: list[float], moved: list[float], steps: int = 50) -> FlowLikelihood:
    found = torch.tensor(bits).double()
    return FlowLikelihood(found, found - torch.tensor(moved).double(), steps, 0)


@pytest.mark.parametrize(
    ("found", "few"),
    [
        (likelihood([1, 9, 1, 9], [0.3, -0.3, 0.3, -0.3]), True),  # which leaves the mean where it is
        (likelihood([1, 9, 1, 9], [0.04, -0.04, 0.04, -0.04]), False),
        (likelihood([1, 9, 1, 9], [0.0] * 4, steps=6), True),
        (likelihood([1.0, 1.02], [0.02, 0.02]), True),  # the standard error is 0.01
        (likelihood([1.0], [0.04]), False),
        (likelihood([1.0], [0.06]), True),
    ],
)
def test_few_steps_are_those_that_move_single_samples(found: FlowLikelihood, few: bool) -> None:
    assert found.has_few_steps == few
    said = [flow_scores(found, codec, own=True).about for codec in (Codec.quantized("uint8", 17), CONTINUOUS)]
    assert [("upper bound" in one, "too few steps" in one) for one in said] == [(not few, few), (False, few)]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_few_steps_are_called_out(points: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for count in (40, 3, 1):
        x = np.random.default_rng(0).normal(size=(count, 2))
        assert points.score_by_flow(x, steps=2).has_few_steps
        assert "flow_steps: 2 are few, as fewer than 8 tell nothing of how far off they are; take 8" in told(capsys)
    for bits, beside in (([1, 9, 1, 9], ", beside a standard error of 2.3"), ([5], "")):
        warn_of_few_steps(likelihood(bits, [0.3, -0.3, 0.3, -0.3][: len(bits)]))
        reason = f"half of them move samples by 0.3 bits/dim (root mean square){beside}"
        assert told(capsys) == f"warning: flow_steps: 50 are few, as {reason}; take 100\n"
    found = likelihood([1, 9, 1, 9], [0.3, -0.3, 0.3, -0.3])
    assert found.moved.mean == pytest.approx(0.0)
    assert found.rms_moved == pytest.approx(0.3)
    assert flow_to_plain(found)["moved_by_halving"]["root_mean_square"] == found.rms_moved


def test_no_call_of_the_network_has_more_samples_than_memory_is_meant_for(
    points: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def seen(*given: Any, batch_size: int, **options: Any) -> FlowLikelihood:
        sizes.append(batch_size)
        return flow_likelihood(*given, batch_size=batch_size, **options)

    monkeypatch.setattr(flows, "flow_likelihood", seen)
    points.score_by_flow(np.zeros((2, 2)), steps=2)
    points.score_by_flow(np.zeros((2, 2)), steps=2, batch_size=3)
    points.evaluate(metrics=["flow"], num=2, flow_steps=2)
    assert sizes == [64, 3, 64]


@pytest.mark.parametrize("idle", [{"steps": 3}, {"budget": 8}, {"target_se": 0.1}, {"plan": "likelihood"}], ids=str)
def test_options_that_no_metric_looks_at_are_refused(points: Run, idle: Any) -> None:
    name = next(iter(idle))
    with pytest.raises(SettingsError, match=f"{name}: a metric that it is for wanted, got metrics=flow; name bound"):
        points.evaluate(metrics=["flow"], num=2, flow_steps=2, **idle)
    with pytest.raises(SettingsError, match="flow_steps: a metric that it is for wanted, got metrics=bound; name flow"):
        points.evaluate(num=2, flow_steps=2)


def test_what_has_no_flow_is_refused(digits: Run, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="flow_steps: an even number wanted, got 5"):
        digits.evaluate(metrics=["flow"], flow_steps=5)
    everything = tiny(tmp_path, data={"source": {"name": "digits"}, "held_out": 0})
    with pytest.raises(DataError, match="held-out samples wanted"):
        everything.evaluate(metrics=["flow"])
