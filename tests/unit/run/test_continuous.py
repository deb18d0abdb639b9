"""The bound of a run in continuous time, as a metric."""

from pathlib import Path

import numpy as np
import pytest

from idm.core.errors import SettingsError
from idm.likelihood import continuous_bound
from idm.run import Run, load, open_run_data
from idm.tasks import ScoreRequest, evaluate_into


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> Run:
    return load(tiny_run, device="cpu")


def test_the_metric_is_the_bound_of_the_held_out_samples(run: Run, tmp_path: Path) -> None:
    found = run.evaluate(metrics=["continuous"], num=6, seed=3, budget=8)
    data = open_run_data(run)
    x, y = data.held_out.first(6)
    direct = continuous_bound(run.diffusion, run.scoring_denoiser(y), x, calls=8, seed=3).bits_per_dim.double().numpy()
    figure = found["continuous"]
    assert figure.value == pytest.approx(direct.mean(), rel=1e-6)
    assert figure.standard_error == pytest.approx(direct.std(ddof=1) / 6**0.5, rel=1e-5)
    assert "6 held-out samples, bound of infinitely many steps, an upper one, estimated from 8 calls" in figure.note
    assert "set by a budget and by no target_se" in figure.note
    plain = found.to_plain()["continuous"]
    assert (plain["calls"], plain["bits_per_dim"]["mean"]) == (8, pytest.approx(direct.mean(), rel=1e-6))
    request = ScoreRequest(metrics=["continuous"], num=6, seed=3, budget=8, batch_size=4)
    in_parts = evaluate_into(run.folder, request, tmp_path / "out", device="cpu")
    assert in_parts is not None
    scores = np.loadtxt(in_parts.written["scores"], delimiter=",", skiprows=1)[:, -1]
    assert scores == pytest.approx(direct, rel=1e-5)


def test_options_of_a_chain_are_refused_where_there_is_none(run: Run) -> None:
    with pytest.raises(
        SettingsError, match="steps: a metric that it is for wanted, got metrics=continuous; name bound"
    ):
        run.evaluate(metrics=["continuous"], steps=5)
    with pytest.raises(SettingsError, match="budget: a metric that it is for wanted, got metrics=flow"):
        run.evaluate(metrics=["flow"], budget=8)
