"""Averages follow their formula."""

import numpy as np
import pytest
import torch

from idm.training.ema import Averages, ConstantRate, PowerFunction


def averages_of(network, *profiles):
    return Averages(network.state_dict(keep_vars=True), profiles)


def walk(network, averages, updates):
    """Change the network at random, update, and return the weights seen."""
    seen = []
    for i in range(updates):
        torch.manual_seed(i)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.randn_like(parameter))
        seen.append(network.map.weight.detach().double().numpy().copy())
        averages.update()
    return seen


def test_averages_follow_the_formula(network):
    rates = (0.9, 0.3)
    averages = averages_of(network, *map(ConstantRate, rates))
    expected = [network.map.weight.detach().double().numpy().copy() for _ in rates]
    for n, weight in enumerate(walk(network, averages, 30), start=1):
        for i, rate in enumerate(rates):
            r = min(rate, (1 + n) / (10 + n))
            expected[i] = r * expected[i] + (1 - r) * weight
    for i in range(len(rates)):
        np.testing.assert_allclose(averages.state(i)["map.weight"].numpy(), expected[i], atol=1e-6)


@pytest.mark.parametrize("sigma_rel", [0.05, 0.1, 0.25])
def test_in_a_power_function_average_a_step_counts_as_a_power_of_its_number(network, sigma_rel):
    profile = PowerFunction(sigma_rel)
    averages = averages_of(network, profile)
    seen = walk(network, averages, 40)
    power = profile.gamma + 1
    share = np.diff((np.arange(41) / 40) ** power)  # the integral of the profile over each step
    expected = np.tensordot(share, np.stack(seen), axes=1)
    np.testing.assert_allclose(averages.state(0)["map.weight"].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("sigma_rel", [0.05, 0.1, 0.25])
def test_the_power_function_average_of_a_ramp_lags_by_its_exponent(sigma_rel):
    steps, value = 1_000, torch.zeros((), dtype=torch.float64)
    profile = PowerFunction(sigma_rel)
    averages = Averages({"ramp": value}, [profile])
    for step in range(1, steps + 1):
        value.fill_(step)
        averages.update()
    power = profile.gamma + 1
    # Integral of s p(s), and half a step as weights stay put within a step; what follows in Euler and Maclaurin's sum:
    expected = steps * power / (power + 1) + 1 / 2 - power / (12 * steps)
    assert averages.state(0)["ramp"].item() == pytest.approx(expected, abs=1e-5)


def test_each_profile_has_a_file_named_by_its_number():
    assert (ConstantRate(0.9999).name, PowerFunction(0.05).name) == ("ema-0.9999", "power-0.05")


def test_the_first_power_function_average_is_the_weights(network):
    averages = averages_of(network, PowerFunction(0.1))
    (seen,) = walk(network, averages, 1)
    np.testing.assert_array_equal(averages.state(0)["map.weight"].double().numpy(), seen)


def test_the_state_restores_everything(network):
    profiles = (ConstantRate(0.9), ConstantRate(0.5), PowerFunction(0.1))
    averages, other = averages_of(network, *profiles), averages_of(network, *profiles)
    walk(network, averages, 4)
    for i in range(3):
        other.load_state(i, {name: value.clone() for name, value in averages.state(i).items()})
    other.num_updates = averages.num_updates
    walk(network, averages, 3)
    walk(network, other, 3)
    for i in range(3):
        for name, value in averages.state(i).items():
            assert torch.equal(other.state(i)[name], value)


def test_the_average_of_a_network_at_rest_is_the_network(network):
    averages = averages_of(network, ConstantRate(0.99), PowerFunction(0.05))
    for _ in range(5):
        averages.update()
    for i in range(2):
        torch.testing.assert_close(averages.state(i)["map.weight"], network.map.weight.detach())


def test_whole_numbers_are_not_averaged(network):
    assert averages_of(network, ConstantRate(0.9)).state(0).keys() == {"map.weight", "map.bias", "label_emb.weight"}
