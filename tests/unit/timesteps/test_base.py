"""Drawing steps: frequencies follow the weights, importance weights undo them."""

import pytest
import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.schedules import NoiseSchedule
from idm.timesteps import Drawn, TimestepSampler


class Weighted(TimestepSampler):
    """A fixed distribution."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__(len(weights))
        self.fixed = torch.tensor(weights, dtype=torch.float64)

    def weights(self) -> Tensor:
        return self.fixed

    def update_with_losses(self, t: Tensor, loss: Tensor) -> None:
        """Ignore the losses."""

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore nothing."""


class Quantiles(Rng):
    """Instead of random numbers, the midpoints of equal intervals of [0, 1): one per sample."""

    def uniform(self, purpose: str, step: int = 0, count: int = 1) -> Tensor:
        number = len(self.seeds)
        return ((torch.arange(number, dtype=torch.float64) + 0.5) / number)[:, None]


def quantiles(number: int) -> Rng:
    return Quantiles(torch.zeros(number, dtype=torch.int64))


WEIGHTS = [1.0, 3.0, 0.5, 2.0, 1.5]  # sum 8: every probability is a multiple of 1/16


def test_equally_spaced_quantiles_meet_every_step_in_exact_proportion_to_its_weight() -> None:
    t, _ = Weighted(WEIGHTS).draw(quantiles(1600), 0)
    assert torch.bincount(t).tolist() == [200, 600, 100, 400, 300]


def test_the_importance_weight_is_one_over_t_times_its_probability() -> None:
    t, importance = Weighted(WEIGHTS).draw(quantiles(64), 0)
    expected = [8.0 / (5.0 * WEIGHTS[i]) for i in t.tolist()]
    torch.testing.assert_close(importance, torch.tensor(expected), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_importance_weights_leave_the_expected_loss_unchanged_whatever_the_weights_sum_to(scale: float) -> None:
    loss = torch.tensor([5.0, -2.0, 0.1, 40.0, 7.0], dtype=torch.float64)
    t, importance = Weighted([scale * weight for weight in WEIGHTS]).draw(quantiles(1600), 0)
    weighted = (importance.double() * loss[t]).mean()
    torch.testing.assert_close(weighted, loss.mean(), rtol=1e-6, atol=0)


def test_the_end_points_of_the_unit_interval_are_steps_of_the_chain() -> None:
    class Ends(Rng):
        def uniform(self, purpose: str, step: int = 0, count: int = 1) -> Tensor:
            return torch.tensor([[0.0], [1.0 - 2.0**-53]], dtype=torch.float64)

    ends = Ends(torch.zeros(2, dtype=torch.int64))
    # Three weights of 1/3 sum to just below or above 1 in floating point.
    for weights in ([1.0] * 3, [1.0] * 49, WEIGHTS):
        t, _ = Weighted(weights).draw(ends, 0)
        assert t.tolist() == [0, len(weights) - 1]


def test_random_draws_follow_the_weights() -> None:
    number = 80_000
    t, _ = Weighted(WEIGHTS).draw(Rng.from_seed(0, number), 0)
    for count, weight in zip(torch.bincount(t, minlength=5).tolist(), WEIGHTS, strict=True):
        p = weight / 8.0
        assert abs(count - number * p) < 5.0 * (number * p * (1.0 - p)) ** 0.5


def test_a_step_is_a_function_of_the_samples_seed_and_the_training_step() -> None:
    sampler = Weighted([1.0] * 1000)
    together, _ = sampler.draw(Rng.from_seed([3, 1, 4, 15], 4), 7)
    for i, seed in enumerate([3, 1, 4, 15]):
        alone, _ = sampler.draw(Rng.from_seed(seed, 1), 7)
        assert alone.tolist() == [together[i].item()]
    later, _ = sampler.draw(Rng.from_seed([3, 1, 4, 15], 4), 8)
    assert later.tolist() != together.tolist()


def test_levels_between_the_steps_are_counted_by_the_nearest_one():
    grid = NoiseSchedule.from_betas([0.1, 0.2, 0.3])
    drawn = Drawn.at_times(torch.tensor([0.4, 0.6, 1.0, 1.9]), grid)
    assert drawn.t.tolist() == [0, 1, 1, 2]
    assert drawn.importance.tolist() == [1.0] * 4
    assert torch.allclose(drawn.at.alpha**2 + drawn.at.sigma**2, torch.ones(4, dtype=torch.float64))
