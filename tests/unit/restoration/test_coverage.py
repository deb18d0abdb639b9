"""Coverage of regions: exact posteriors are calibrated, and what is too narrow, too wide or shifted is noticed."""

from collections.abc import Sequence
from statistics import NormalDist

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.restoration import Coverage, Mask, Observation, Region, check_coverage, coverage_of
from idm.restoration.checking import Draw
from idm.restoration.coverage import held_in, least_draws, ranks_of

NOISE, SHAPE = 0.5, (1, 6)
SEEN = torch.tensor([[True, False, True, True, False, True]])
DATA = Rng.from_seed(3, 400).normal("data", 0, SHAPE, torch.float64)
NORMAL = NormalDist()


def posterior(width: float = 1.0, shift: float = 0.0) -> Draw:
    """Draw from the posterior of standard normal data: variance s^2 / (1 + s^2) where they are seen, 1 elsewhere."""

    def draw(observation: Observation, seeds: Sequence[int]) -> Tensor:
        operator = observation.operator
        assert isinstance(operator, Mask)
        share = 1.0 / (1.0 + NOISE**2)
        std = torch.where(SEEN, (NOISE**2 * share) ** 0.5, 1.0).double()
        normal = Rng.from_seed(seeds, len(seeds)).normal("draws", 0, SHAPE, torch.float64)
        return share * operator.adjoint(observation.values) + std * (width * normal + shift)

    return draw


def found(draw: Draw, num_draws: int = 19, data: Tensor = DATA) -> Coverage:
    return check_coverage(data, Mask(SHAPE, SEEN), NOISE, draw, num_draws=num_draws, batch=1000)


def test_draws_of_the_exact_posterior_are_calibrated() -> None:
    coverage = found(posterior(), 199, DATA[:150])
    for kind in (coverage.values, coverage.projections):
        assert [region.level for region in kind.regions] == [0.5, 0.9, 0.99]
        assert all(abs(region.held - region.level) < 4 * region.error for region in kind.regions)
        assert all(region.verdict == "as they should be" for region in kind.regions)
    # 900 ranks in 10 bins: chi-squared of 9 degrees is below 33 but for one time in 10,000
    counts = torch.tensor(coverage.values.histogram)
    assert counts.sum() == 900
    assert float((counts - 90).square().sum() / 90) < 33


@pytest.mark.parametrize(("width", "verdict"), [(0.6, "too narrow"), (1.7, "too wide")])
def test_draws_that_vary_too_little_or_too_much_are_noticed(width: float, verdict: str) -> None:
    """Of many draws a 90 % interval holds the truth with probability 2 Phi(1.645 width) - 1."""
    coverage = found(posterior(width), 199, DATA[:200])
    wanted = 2.0 * NORMAL.cdf(NORMAL.inv_cdf(0.95) * width) - 1.0
    for kind in (coverage.values, coverage.projections):
        region = kind.regions[1]
        assert region.held == pytest.approx(wanted, abs=4 * region.error + 0.01)
        assert region.verdict == verdict
    assert coverage.sentences[0].endswith(verdict)
    ends, middle = coverage.values.histogram[0], coverage.values.histogram[4]
    assert (ends > middle) == (width < 1)


def test_draws_that_lie_too_low_have_a_slope_in_their_ranks() -> None:
    coverage = found(posterior(shift=-1.0))
    histogram = coverage.values.histogram
    assert histogram[-1] > 5 * histogram[0]
    assert coverage.values.regions[-1].verdict == "too narrow"


def test_correlations_that_are_missed_show_in_projections_alone() -> None:
    """All values are one number; draws have the right values, each of them independent of the others."""
    truth = DATA[:, :, :1].expand(-1, -1, 6)
    draws = Rng.from_seed(0, 400).normal("draws", 0, (19, *SHAPE), torch.float64)
    coverage = coverage_of(truth, draws)
    assert coverage.values.regions[-1].verdict == "as they should be"
    assert coverage.projections.regions[0].verdict != "as they should be"


def test_a_sentence_says_what_is_wrong() -> None:
    assert str(Region(0.9, 0.78, 0.03)) == "90 % regions hold the truth in 78 % of cases (± 3): too narrow"
    assert Region(0.9, 0.85, 0.03).verdict == "as they should be"
    assert Region(0.5, 0.7, 0.03).verdict == "too wide"
    assert str(found(posterior(0.3))).startswith("90 % regions hold the truth in ")


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("num_draws", [3, 19, 20, 64, 199])
def test_of_uniform_ranks_intervals_hold_their_level_exactly(level: float, num_draws: int) -> None:
    ranks = torch.arange(num_draws + 1.0, dtype=torch.float64)
    assert float(held_in(ranks, num_draws, level).mean()) == pytest.approx(level, abs=1e-12)


def test_a_level_needs_as_many_draws_as_have_it_between_their_ends() -> None:
    assert [least_draws(level) for level in (0.5, 0.9, 0.99)] == [3, 19, 199]
    assert [region.level for region in found(posterior(), 5).values.regions] == [0.5]


def test_ranks_count_what_is_below_and_equal_values_come_in_any_order() -> None:
    draws = torch.tensor([1.0, 2.0, 3.0, 3.0]).expand(2000, 4)[..., None]
    truths = torch.tensor([[0.0], [2.5], [3.0], [9.0]]).repeat(500, 1)
    ranks = ranks_of(truths, draws, Rng.from_seed(0, 2000), 1e-6).view(500, 4)
    assert [ranks[:, 0].unique().tolist(), ranks[:, 1].unique().tolist()] == [[0.0], [2.0]]
    assert ranks[:, 2].unique().tolist() == [2.0, 3.0, 4.0]
    assert float(ranks[:, 2].mean()) == pytest.approx(3.0, abs=0.15)
    assert ranks[:, 3].unique().tolist() == [4.0]


def test_values_that_are_known_in_all_cases_do_not_count() -> None:
    """Half of the values are known, the others are missed by all draws: nothing is held, not half."""
    truth, draws = torch.zeros(50, 4), torch.zeros(50, 19, 4)
    draws[..., 2:] += 1.0 + torch.rand(50, 19, 2)
    assert coverage_of(truth, draws).values.regions[-1].held == 0.0
    with pytest.raises(SettingsError, match="operator"):
        coverage_of(truth, torch.zeros(50, 19, 4))


def test_the_same_seed_is_the_same_check_in_any_batches() -> None:
    mask = Mask(SHAPE, SEEN)
    first, second = (check_coverage(DATA[:20], mask, NOISE, posterior(), batch=batch, seed=4) for batch in (7, 400))
    assert first == second


def test_too_few_data_and_draws_are_refused() -> None:
    with pytest.raises(SettingsError, match="cases"):
        found(posterior(), data=DATA[:1])
    with pytest.raises(SettingsError, match="draws"):
        found(posterior(), 2)
