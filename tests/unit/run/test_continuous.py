"""The bound of a run in continuous time, as a metric."""

from pathlib import Path
from typing import final

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.core.progress import Within
from idm.core.ranks import Ranks
from idm.likelihood import SampledBound, continuous_bound
from idm.likelihood.target import Target
from idm.run import Run, load, open_run_data
from idm.run.bound_request import BoundRequest
from idm.run.continuous import continuous_of_samples
from idm.run.estimating import calls_for, pilot_of
from idm.tasks import ScoreRequest, evaluate_into
from idm.tasks.estimates import continuous_in_parts

from ..training.together import run_together


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
    plain = found.to_plain()["continuous"]
    assert (plain["calls"], plain["bits_per_dim"]["mean"]) == (8, pytest.approx(direct.mean(), rel=1e-6))
    request = ScoreRequest(metrics=["continuous"], num=6, seed=3, budget=8, batch_size=4)
    in_parts = evaluate_into(run.folder, request, tmp_path / "out", device="cpu")
    assert in_parts is not None
    scores = np.loadtxt(in_parts.written["scores"], delimiter=",", skiprows=1)[:, -1]
    assert scores == pytest.approx(direct, rel=1e-5)


def test_the_error_that_is_wanted_is_reached_with_calls_that_suffice(run: Run) -> None:
    asked = {"metrics": ["continuous"], "num": 64}
    usual = run.evaluate(budget=18, seed=5, **asked).continuous
    assert usual is not None
    for share, most in ((3.0, 18), (1.5, 18), (0.9, 18 * 2 / 0.9**2), (0.45, 18 * 2 / 0.45**2)):
        for seed in (5, 1005, 2005):
            wanted = share * usual.of_these.standard_error
            evaluation = run.evaluate(target_se=wanted, seed=seed, **asked)
            found, note = evaluation.continuous, evaluation["continuous"].note
            assert found is not None
            assert found.of_these.standard_error <= wanted
            assert 18 <= found.calls <= most
            assert f"± {wanted:.2g} wanted and reached, after a pilot of 16 samples, 18 calls each" in note
    with pytest.raises(
        SettingsError, match=r"^target_se: at least .* bits/dim wanted of 64 samples, which 10,000 calls"
    ):
        run.evaluate(target_se=1e-7, seed=5, **asked)


def sampled(variance: float, decoder: float) -> SampledBound:
    """A pilot of 18 calls, of two samples of these variances in all and of the decoder."""
    zeros = torch.zeros(2)
    return SampledBound(zeros, zeros + variance, 18, zeros, zeros, zeros + decoder)


def test_calls_suffice_by_the_parts_of_the_variance_that_they_bring_down() -> None:
    # Of 100 samples; 2 / 3 is taken as a variance of 1: an error of 0.1. Without the decoder's it falls as 16 / strata.
    assert calls_for(0.1001, sampled(2 / 3, 0.0), 100, 1000)[0] == 18
    assert calls_for(9.9, sampled(2 / 3, 0.0), 100, 1000)[0] == 18
    assert calls_for(0.0999, sampled(2 / 3, 0.0), 100, 1000)[0] == 20  # 18 strata
    assert calls_for(0.0895, sampled(2 / 3, 0.0), 100, 1000)[0] == 22  # 20 of them: 0.0894
    assert calls_for(0.0999, sampled(2 / 3, 2 / 3), 100, 1000)[0] == 36  # four draws of the decoder, not two
    assert calls_for(0.01, sampled(2 / 3, 0.0), 100, 1000) == (None, pytest.approx(0.1 * (16 / 890) ** 0.5))


def test_a_target_that_is_missed_says_by_how_much_and_a_pilot_has_seeds_of_its_own() -> None:
    assert Target(0.02, 16, 18).in_words(0.021) == (
        "± 0.02 wanted and missed by 5.0%, as these samples scatter more than a pilot of 16 samples, 18 calls each"
    )
    numbers, anew = pilot_of(BoundRequest(seed=3), 40)
    assert abs(anew.seed - 3) > 10**9  # far from the noise of the estimate
    assert (len(numbers), numbers[-1]) == (14, 39)
    assert list(pilot_of(BoundRequest(), 5)[0]) == [0, 1, 2, 3, 4]


@final
class Noted:
    """Notes how many units it was told of at a time."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def advance(self, units: int = 1, status: str = "") -> None:
        self.told.append(units)


@pytest.mark.parametrize(("batch_size", "told"), [(512, [1, 1, 16]), (8, [1, 1] + 8 * [2])])
def test_progress_is_told_of_every_call_of_the_network(run: Run, batch_size: int, told: list[int]) -> None:
    noted = Noted()
    continuous_of_samples(run, open_run_data(run), range(4), BoundRequest(batch_size=batch_size), 18, Within(noted))
    assert noted.told == told


def test_processes_share_it_in_small_parts(run: Run, tmp_path: Path) -> None:
    asked, data = BoundRequest(num=40, seed=3, target_se=1.0, batch_size=32), open_run_data(run)
    alone = run.evaluate(metrics=["continuous"], num=40, seed=3, target_se=1.0).continuous
    assert alone is not None

    def work(ranks: Ranks) -> list[object]:
        found = continuous_in_parts(run, data, tmp_path / "parts", asked, ranks=ranks)
        is_same = found is None or torch.allclose(found.bits_per_dim, alone.bits_per_dim, atol=1e-4)
        return [is_same, None if found is None else found.calls]

    assert run_together(2, tmp_path / "ranks", work) == [[True, alone.calls], [True, None]]
    assert len(list((tmp_path / "parts").glob("part-*"))) == 3  # of 16, 16 and 8 samples


def test_options_of_a_chain_are_refused_where_there_is_none(run: Run) -> None:
    with pytest.raises(
        SettingsError, match="steps: a metric that it is for wanted, got metrics=continuous; name bound"
    ):
        run.evaluate(metrics=["continuous"], steps=5)
    with pytest.raises(SettingsError, match="budget: a metric that it is for wanted, got metrics=flow"):
        run.evaluate(metrics=["flow"], budget=8)
