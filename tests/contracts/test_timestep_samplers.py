"""What every member of ``TIMESTEP_SAMPLERS`` promises."""

import pytest
import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.schedules import cosine_schedule
from idm.timesteps import TIMESTEP_SAMPLERS, TimestepSampler

NUM_TIMESTEPS = 9
DENSITIES = [name for name in TIMESTEP_SAMPLERS if "importance" in TIMESTEP_SAMPLERS.options(name)]
every_sampler = pytest.mark.parametrize("name", list(TIMESTEP_SAMPLERS))


class Quantiles(Rng):
    """Instead of random numbers, the midpoints of equal intervals of [0, 1): one per sample."""

    def uniform(self, purpose: str, step: int = 0, count: int = 1) -> Tensor:
        number = len(self.seeds)
        return ((torch.arange(number, dtype=torch.float64) + 0.5) / number)[:, None]


def build(name: str, num_timesteps: int = NUM_TIMESTEPS) -> TimestepSampler:
    """With its defaults, but that densities are for importance sampling: else they are to change the expected loss."""
    options = {"importance": True} if name in DENSITIES else {}
    grid = cosine_schedule(num_timesteps)
    return TIMESTEP_SAMPLERS.build(name, options, num_timesteps=num_timesteps, grid=grid)


def told(name: str) -> TimestepSampler:
    """A sampler that has heard many losses, growing with t."""
    sampler = build(name)
    for _ in range(20):
        sampler.update_with_losses(torch.arange(NUM_TIMESTEPS), torch.arange(NUM_TIMESTEPS) ** 2 + 0.5)
    return sampler


@every_sampler
def test_weights_are_positive_float64_on_the_cpu_one_per_step(name: str) -> None:
    for sampler in (build(name), told(name)):
        weights = sampler.weights()
        assert weights.shape == (NUM_TIMESTEPS,)
        assert weights.dtype == torch.float64
        assert weights.device.type == "cpu"
        assert bool((weights > 0).all())


@pytest.mark.parametrize("name", [name for name in TIMESTEP_SAMPLERS if name not in DENSITIES])
def test_before_any_loss_every_step_is_equally_likely(name: str) -> None:
    weights = build(name).weights()
    torch.testing.assert_close(weights / weights.sum(), torch.full((NUM_TIMESTEPS,), 1 / 9).double())


@every_sampler
def test_steps_are_indices_and_importance_weights_are_float32(name: str) -> None:
    t, importance = told(name).draw(Rng.from_seed(0, 500), 3)
    assert t.shape == importance.shape == (500,)
    assert t.dtype == torch.int64
    assert importance.dtype == torch.float32
    assert int(t.min()) >= 0
    assert int(t.max()) < NUM_TIMESTEPS


@every_sampler
def test_importance_weights_leave_the_expected_loss_unchanged(name: str) -> None:
    number = 100_000
    loss = torch.tensor([3.0, 1.0, 4.0, -1.0, 5.0, 9.0, -2.0, 6.0, 50.0], dtype=torch.float64)
    for sampler in (build(name), told(name)):
        t, importance = sampler.draw(Quantiles(torch.zeros(number, dtype=torch.int64)), 0)
        weighted = float((importance.double() * loss[t]).mean())
        # Each step's count is off by at most one quantile; that one weighs importance * |loss| / number.
        slack = float((1.0 / (NUM_TIMESTEPS * (sampler.weights() / sampler.weights().sum())) * loss.abs()).sum())
        assert abs(weighted - float(loss.mean())) <= slack / number + 1e-6


@every_sampler
def test_a_draw_is_a_function_of_the_samples_seed_and_the_step_alone(name: str) -> None:
    sampler, seeds = told(name), [5, 99, 3, 12]
    t, importance = sampler.draw(Rng.from_seed(seeds, 4), 17)
    torch.manual_seed(0)
    for i, seed in enumerate(seeds):
        alone, weight = sampler.draw(Rng.from_seed(seed, 1), 17)
        assert (alone.item(), weight.item()) == (t[i].item(), importance[i].item())


@every_sampler
def test_a_restored_state_draws_and_learns_on_as_before(name: str) -> None:
    sampler, resumed = told(name), build(name)
    resumed.load_state({key: value.clone() for key, value in sampler.state().items()})
    for step in range(5):
        rng = Rng.from_seed(100 * step, 32)
        t, importance = sampler.draw(rng, step)
        again, same_importance = resumed.draw(rng, step)
        assert torch.equal(t, again)
        assert torch.equal(importance, same_importance)
        for one in (sampler, resumed):
            one.update_with_losses(t, t.float() * 0.3 + step)
    assert torch.equal(sampler.weights(), resumed.weights())


@every_sampler
def test_a_chain_of_one_step_always_trains_on_it_with_weight_one(name: str) -> None:
    sampler = build(name, 1)
    for _ in range(15):
        t, importance = sampler.draw(Rng.from_seed(0, 6), 0)
        assert t.tolist() == [0] * 6
        torch.testing.assert_close(importance, torch.ones(6))
        sampler.update_with_losses(t, torch.rand(6, generator=torch.Generator().manual_seed(0)))
