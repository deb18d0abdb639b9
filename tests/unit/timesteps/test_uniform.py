"""The uniform distribution over steps."""

import torch

from idm.core.rng import Rng
from idm.timesteps import UniformTimesteps


def test_every_step_is_equally_likely_and_every_importance_weight_is_one() -> None:
    sampler = UniformTimesteps(7)
    weights = sampler.weights()
    assert weights.shape == (7,)
    assert bool((weights == weights[0]).all())
    t, importance = sampler.draw(Rng.from_seed(0, 5000), 3)
    assert t.unique().tolist() == list(range(7))
    torch.testing.assert_close(importance, torch.ones(5000), rtol=1e-6, atol=0)


def test_losses_change_nothing() -> None:
    sampler = UniformTimesteps(4)
    before = sampler.weights()
    sampler.update_with_losses(torch.tensor([0, 0, 3]), torch.tensor([100.0, 50.0, 1e9]))
    assert torch.equal(sampler.weights(), before)
    assert sampler.state() == {}
