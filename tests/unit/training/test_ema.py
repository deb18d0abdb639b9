"""Averages follow their formula."""

import numpy as np
import torch

from idm.training.ema import ExponentialMovingAverage


def walk(network, ema, updates):
    """Change the network at random, update, and return the weights seen."""
    seen = []
    for i in range(updates):
        torch.manual_seed(i)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.randn_like(parameter))
        seen.append(network.map.weight.detach().double().numpy().copy())
        ema.update()
    return seen


def test_averages_follow_the_formula(network):
    rates = (0.9, 0.3)
    ema = ExponentialMovingAverage(network, rates)
    expected = [network.map.weight.detach().double().numpy().copy() for _ in rates]
    for n, weight in enumerate(walk(network, ema, 30), start=1):
        for i, rate in enumerate(rates):
            r = min(rate, (1 + n) / (10 + n))
            expected[i] = r * expected[i] + (1 - r) * weight
    for i in range(len(rates)):
        np.testing.assert_allclose(ema.state(i)["map.weight"].numpy(), expected[i], atol=1e-6)


def test_the_state_restores_everything(network):
    ema, other = ExponentialMovingAverage(network, (0.9, 0.5)), ExponentialMovingAverage(network, (0.9, 0.5))
    walk(network, ema, 4)
    for i in (0, 1):
        other.load_state(i, {name: value.clone() for name, value in ema.state(i).items()})
    other.num_updates = ema.num_updates
    walk(network, ema, 3)
    walk(network, other, 3)
    for i in (0, 1):
        for name, value in ema.state(i).items():
            assert torch.equal(other.state(i)[name], value)


def test_copying_gives_another_network_the_average(network):
    import copy

    ema = ExponentialMovingAverage(network, (0.9,))
    walk(network, ema, 3)
    copied = copy.deepcopy(network)
    ema.copy_to(copied)
    assert torch.equal(copied.map.weight, ema.state(0)["map.weight"])
    assert not torch.equal(copied.map.weight, network.map.weight)


def test_the_average_of_a_network_at_rest_is_the_network(network):
    ema = ExponentialMovingAverage(network, (0.99,))
    for _ in range(5):
        ema.update()
    torch.testing.assert_close(ema.state(0)["map.weight"], network.map.weight.detach())
