"""The optimiser's state goes to a file and back."""

import copy

import torch
from safetensors.torch import load, save

from idm.training import TrainingSettings
from idm.training.optimizer import load_optimizer_state, make_optimizer, optimizer_state
from idm.training.spread import Alone

SETTINGS = TrainingSettings(learning_rate=0.1, weight_decay=0.01)


def advance(network, optimizer, steps, first=0):
    for i in range(first, first + steps):
        torch.manual_seed(i)
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()


def state_of(network, optimizer):
    return {tensor.name: tensor.value for tensor in optimizer_state(dict(network.named_parameters()), optimizer)}


def test_a_restored_optimizer_goes_on_exactly(network):
    optimizer = make_optimizer(network.parameters(), SETTINGS)
    advance(network, optimizer, 3)
    other = copy.deepcopy(network)
    restored = make_optimizer(other.parameters(), SETTINGS)
    load_optimizer_state(Alone(other), restored, load(save(state_of(network, optimizer))))
    advance(network, optimizer, 3, first=3)
    advance(other, restored, 3, first=3)
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_state_is_named_after_the_parameters(network):
    optimizer = make_optimizer(network.parameters(), SETTINGS)
    assert state_of(network, optimizer) == {}
    advance(network, optimizer, 1)
    assert {"map.weight/exp_avg", "map.weight/exp_avg_sq", "map.weight/step"} <= state_of(network, optimizer).keys()


def test_settings_of_now_count(network):
    optimizer = make_optimizer(network.parameters(), SETTINGS)
    advance(network, optimizer, 1)
    other = make_optimizer(network.parameters(), TrainingSettings(learning_rate=0.5))
    load_optimizer_state(Alone(network), other, state_of(network, optimizer))
    assert other.param_groups[0]["lr"] == 0.5
