"""The optimiser's state goes to a file and back."""

import copy

import torch
from safetensors.torch import load, save

from idm.training import TrainingSettings
from idm.training.optimizer import load_optimizer_state, make_optimizer, optimizer_state

SETTINGS = TrainingSettings(learning_rate=0.1, weight_decay=0.01)


def advance(network, optimizer, steps, first=0):
    for i in range(first, first + steps):
        torch.manual_seed(i)
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()


def test_a_restored_optimizer_goes_on_exactly(network):
    optimizer = make_optimizer(network, SETTINGS)
    advance(network, optimizer, 3)
    other = copy.deepcopy(network)
    restored = make_optimizer(other, SETTINGS)
    load_optimizer_state(other, restored, load(save(optimizer_state(network, optimizer))))
    advance(network, optimizer, 3, first=3)
    advance(other, restored, 3, first=3)
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_state_is_named_after_the_parameters(network):
    optimizer = make_optimizer(network, SETTINGS)
    assert optimizer_state(network, optimizer) == {}
    advance(network, optimizer, 1)
    assert {"map.weight/exp_avg", "map.weight/exp_avg_sq", "map.weight/step"} <= optimizer_state(
        network, optimizer
    ).keys()


def test_settings_of_now_count(network):
    optimizer = make_optimizer(network, SETTINGS)
    advance(network, optimizer, 1)
    other = make_optimizer(network, TrainingSettings(learning_rate=0.5))
    load_optimizer_state(network, other, optimizer_state(network, optimizer))
    assert other.param_groups[0]["lr"] == 0.5
