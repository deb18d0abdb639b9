"""Dropout that depends on the sample alone."""

import pytest
import torch

from idm.networks import UNet
from idm.networks.dropout import Dropout

SEEDS = torch.arange(5, 11)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.75])
def test_the_share_that_is_dropped_and_the_mean(p):
    layer, x = Dropout(p), torch.ones(6, 50_001)
    dropped = layer(x, SEEDS)
    share = float((dropped == 0).float().mean())
    error = (p * (1 - p) / x.numel()) ** 0.5
    assert share == pytest.approx(p, abs=4 * error + 1e-5)
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([1 / (1 - p)], rel=2e-5)
    correlation = torch.corrcoef((dropped != 0).float())
    assert float((correlation - torch.eye(6)).abs().max()) < 5 / 50_001**0.5


def test_a_sample_is_the_same_in_every_batch():
    layer, x = Dropout(0.4), torch.randn(6, 3, 7, 5)
    whole = layer(x, SEEDS)
    assert torch.equal(layer(x[2:4], SEEDS[2:4]), whole[2:4])
    assert torch.equal(layer(x.flip(0), SEEDS.flip(0)), whole.flip(0))


def test_layers_differ():
    layers = Dropout(0.5), Dropout(0.5)
    layers[1].layer = 1
    x = torch.ones(6, 4_000)
    first, second = (layer(x, SEEDS) != 0 for layer in layers)
    assert float((first == second).float().mean()) == pytest.approx(0.5, abs=0.02)


def test_nothing_is_dropped_at_rest():
    x = torch.randn(6, 4)
    assert Dropout(0.9).eval()(x, SEEDS) is x
    assert Dropout(0.0)(x, SEEDS) is x


def test_the_gradient_goes_where_values_are_kept():
    x = torch.randn(6, 100, requires_grad=True)
    kept = Dropout(0.5)(x, SEEDS)
    kept.sum().backward()
    assert torch.equal(x.grad, torch.where(kept == 0, 0.0, 2.0))


@pytest.mark.parametrize("checkpoint_stages", [0, 2])
def test_a_network_in_parts_is_the_whole_network(checkpoint_stages):
    torch.manual_seed(0)
    network = UNet(
        in_channels=1,
        out_channels=1,
        model_channels=32,
        channel_mult=(1, 2),
        num_heads=2,
        dropout=0.4,
        checkpoint_stages=checkpoint_stages,
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    x, time = torch.randn(6, 1, 8, 8), torch.arange(6.0)
    whole = network(x, time, dropout_seeds=SEEDS)
    halves = [network(x[part], time[part], dropout_seeds=SEEDS[part]) for part in (slice(0, 2), slice(2, 6))]
    assert torch.allclose(torch.cat(halves), whole, atol=1e-5)
    assert not torch.allclose(network(x, time, dropout_seeds=SEEDS + 1), whole, atol=1e-2)
    assert not torch.allclose(network(x, time), whole, atol=1e-2)
