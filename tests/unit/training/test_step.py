"""One step is a function of (seed, step); micro-batches change nothing but rounding."""

import math

import numpy as np
import pytest
import torch

from idm.data import dataset
from idm.schedules import cosine_schedule
from idm.timesteps import Drawn, LevelSampler, LossSecondMoment
from idm.training.gradients import gradient_norm
from idm.training.meter import LossMeter
from idm.training.spread import Alone


def gradients(step, network, number=0):
    network.zero_grad()
    step.accumulate_gradients(number, Alone(network), LossMeter(10, torch.device("cpu")))
    return [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize("micro", [1, 3, 5, 8, 100])
def test_the_gradient_does_not_depend_on_micro_batches(make_step, network, micro):
    whole = gradients(make_step(), network)
    parts = gradients(make_step(micro_batch_size=micro), network)
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-7)


def test_the_gradient_is_that_of_the_mean_weighted_loss(make_step, network):
    step = make_step()
    found = gradients(step, network)
    assert all(torch.isfinite(value).all() for value in found)
    torch.testing.assert_close(gradients(step, network), found, rtol=0, atol=0)


def test_every_step_draws_other_samples_and_noise(make_step, network):
    step = make_step()
    first, second = gradients(step, network, 0), gradients(step, network, 1)
    assert not torch.equal(first[0], second[0])


def test_global_random_state_plays_no_part(make_step, network):
    step = make_step()
    torch.manual_seed(1)
    first = gradients(step, network)
    torch.manual_seed(2)
    torch.testing.assert_close(gradients(step, network), first, rtol=0, atol=0)


def test_a_share_of_the_labels_is_dropped(make_step, network):
    seen = []

    def listen(x, time, /, y=None):
        seen.append(y)
        return network(x, time, y=y)

    step = make_step(null_label=2, net=listen, label_dropout=0.25, batch_size=400)
    for number in range(5):
        step.accumulate_gradients(number, Alone(network), LossMeter(10, torch.device("cpu")))
    dropped = float((torch.cat(seen) == 2).double().mean())
    assert dropped == pytest.approx(0.25, abs=0.04)  # 4 standard errors of 2,000 draws
    assert set(torch.cat(seen).tolist()) == {0, 1, 2}


def test_the_timestep_sampler_hears_unweighted_losses(make_step, network):
    timesteps = LossSecondMoment(10, history_per_term=1)
    step = make_step(timesteps=timesteps, batch_size=200)
    meter = LossMeter(10, torch.device("cpu"))
    step.accumulate_gradients(0, Alone(network), meter)
    losses = timesteps.state()["losses"]
    assert (losses > 0).all()
    assert meter.read()["loss"] == pytest.approx(float(losses.mean()), rel=0.5)


def test_clipping_scales_the_whole_gradient(make_step, network):
    gradients(make_step(), network)
    before = [parameter.grad.clone() for parameter in network.parameters()]
    norm = float(torch.cat([value.flatten() for value in before]).norm())
    assert float(gradient_norm(list(network.parameters()), norm / 2)) == pytest.approx(norm, rel=1e-5)
    for parameter, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, old / 2, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("largest", [0.0, 1e9])
def test_no_clipping(make_step, network, largest):
    before = gradients(make_step(), network)
    gradient_norm(list(network.parameters()), largest)
    for parameter, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, old, rtol=0, atol=0)


def test_samples_read_ahead_are_those_of_the_step_in_any_order_of_steps(make_step, network, monkeypatch):
    in_memory = [gradients(make_step(), network, number) for number in (0, 1, 2, 7, 3)]
    monkeypatch.setattr(dataset, "CACHE_BYTES", 0)
    step = make_step()
    for number, expected in zip((0, 1, 2, 7, 3), in_memory, strict=True):
        torch.testing.assert_close(gradients(step, network, number), expected, rtol=0, atol=0)


class LogUniform(LevelSampler):
    """Levels of any noise-to-signal ratio between two, which need not be steps of the chain."""

    learns = False
    least, most = math.log(0.3), math.log(3.0)

    def draw_levels(self, rng, step, grid):
        log_kappa = self.least + (self.most - self.least) * rng.uniform("level", step).flatten().numpy()
        return Drawn.at_times(torch.from_numpy(grid.path.time_of(log_kappa)), grid)

    def update(self, drawn, loss): ...

    def state(self):
        return {}

    def load_state(self, state): ...


def test_levels_between_the_steps_can_be_trained_on(make_step, network):
    times = []

    def listen(x, time, /, y=None):
        times.append(time)
        return network(x, time, y=y)

    meter = LossMeter(10, torch.device("cpu"))
    make_step(timesteps=LogUniform(), net=listen, batch_size=64, micro_batch_size=16).accumulate_gradients(
        0, Alone(network), meter
    )
    seen = torch.cat(times).double().numpy()
    assert (len(times), len(seen)) == (4, 64)
    assert np.abs(seen - seen.round()).max() > 0.3
    least, most = cosine_schedule(10).path.time_of(np.array([LogUniform.least, LogUniform.most]))
    assert ((seen >= least - 1e-5) & (seen <= most + 1e-5)).all()
    assert meter.read()["loss"] > 0
