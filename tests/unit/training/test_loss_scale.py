"""Scaling the loss changes no gradient that is finite, and finds its way."""

import pytest
import torch

from idm.training import Trainer
from idm.training.gradients import gradient_norm
from idm.training.loss_scale import GROWTH_INTERVAL, LARGEST, UNSCALED, DynamicLossScale
from idm.training.spread import Alone

CPU = torch.device("cpu")
GOOD, BAD = torch.tensor(False), torch.tensor(True)


def test_it_halves_and_grows():
    scale = DynamicLossScale(CPU)
    assert scale.state() == {"factor": 65536.0, "good_steps": 0.0}
    scale.update(BAD)
    assert scale.state()["factor"] == 32768.0
    for _ in range(GROWTH_INTERVAL - 1):
        scale.update(GOOD)
    assert scale.state()["factor"] == 32768.0
    scale.update(GOOD)
    assert scale.state() == {"factor": 65536.0, "good_steps": 0.0}


def test_it_stays_between_one_and_the_largest():
    scale = DynamicLossScale(CPU)
    for _ in range(40):
        scale.update(BAD)
    assert scale.state()["factor"] == 1.0
    scale.load_state({"factor": LARGEST, "good_steps": GROWTH_INTERVAL - 1.0})
    scale.update(GOOD)
    assert scale.state()["factor"] == LARGEST


def test_an_overflow_is_a_gradient_that_is_not_finite_of_a_finite_loss():
    scale, finite, infinite = DynamicLossScale(CPU), torch.tensor(1.0), torch.tensor(float("inf"))
    assert bool(scale.overflow(finite, infinite))
    assert not bool(scale.overflow(finite, finite))
    assert not bool(scale.overflow(infinite, infinite))
    assert not bool(UNSCALED.overflow(finite, infinite))
    scale.load_state({"factor": 1.0, "good_steps": 0.0})
    assert not bool(scale.overflow(finite, infinite))


@pytest.mark.parametrize("largest", [0.0, 0.01, 100.0])
def test_the_scale_comes_out_of_gradient_and_norm(network, largest):
    def gradients(scale):
        network.zero_grad()
        loss = network(torch.ones(2, 3), torch.ones(2)).square().mean()
        scale.scaled(loss).backward()
        norm = gradient_norm(list(network.parameters()), largest, inverse_scale=scale.inverse())
        return float(norm), torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    norm, plain = gradients(UNSCALED)
    scaled_norm, scaled = gradients(DynamicLossScale(CPU))
    assert scaled_norm == pytest.approx(norm, rel=1e-6)
    torch.testing.assert_close(scaled, plain, rtol=1e-6, atol=0)


def test_overflows_are_no_bad_steps(make_step, network, tmp_path):
    step = make_step(num_steps=12, precision="float16", log_interval=1)
    real = step.accumulate_gradients

    def accumulate(number, spread, meter, scale):
        batch = real(number, spread, meter, scale)
        if scale.state()["factor"] > 2.0**10:  # a gradient too large for float16
            network.map.bias.grad[0] = float("inf")
        return batch

    step.accumulate_gradients = accumulate
    describe = lambda averaged: {}  # noqa: E731
    trainer = Trainer(Alone(network), step, tmp_path, describe=describe)
    before = network.map.weight.detach().clone()
    assert trainer.run().step == 12
    assert trainer.state.scale.state() == {"factor": 2.0**10, "good_steps": 6.0}
    assert not (tmp_path / "events.jsonl").exists()
    assert not torch.equal(before, network.map.weight)
    again = make_step(num_steps=12, precision="float16")
    resumed = Trainer(Alone(network), again, tmp_path, describe=describe)
    assert resumed.state.scale.state() == {"factor": 2.0**10, "good_steps": 6.0}
