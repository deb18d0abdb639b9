"""The network for points."""

import pytest
import torch

from idm.core.errors import SettingsError
from idm.networks import MLP, Autocast


def mlp(**options) -> MLP:
    torch.manual_seed(0)
    network = MLP(**({"in_channels": 2, "out_channels": 4, "width": 16} | options))
    with torch.no_grad():
        network.out.weight.normal_()
    return network


X, TIME = torch.linspace(-1, 1, 6).view(3, 2), torch.tensor([0.0, 5.0, 900.0])


def test_points_times_and_labels_all_matter_and_points_do_not_see_each_other() -> None:
    network, y = mlp(num_classes=4), torch.tensor([0, 3, 1])
    together = network(X, TIME, y=y)
    assert together.shape == (3, 4)
    for i in range(3):
        one = slice(i, i + 1)
        torch.testing.assert_close(network(X[one], TIME[one], y=y[one]), together[one])
    for changed in (network(X + 0.1, TIME, y=y), network(X, TIME + 3, y=y), network(X, TIME, y=(y + 1) % 4)):
        assert float((changed - together).detach().abs().max()) > 1e-3


def test_a_new_network_predicts_zero() -> None:
    assert float(MLP(in_channels=2, out_channels=2)(X, TIME).detach().abs().max()) == 0.0


def test_every_layer_is_trained() -> None:
    network = mlp(num_layers=5)
    network(X, TIME).square().sum().backward()
    assert len(network.layers) == 5
    assert all(
        float(parameter.grad.abs().max()) > 0 for parameter in network.parameters() if parameter.grad is not None
    )
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_float64_network_computes_in_float64() -> None:
    network = mlp()
    double = network.double()(X.double(), TIME)
    torch.testing.assert_close(double.float(), network.float()(X, TIME), rtol=1e-4, atol=1e-4)
    assert double.dtype == torch.float64


def test_low_precision_stays_inside_of_the_network() -> None:
    network = mlp()
    low = Autocast(network)(X, TIME)
    assert low.dtype == torch.float32
    assert 0.0 < float((low - network(X, TIME)).detach().abs().max()) < 0.1
    assert network.out.weight.dtype == torch.float32


@pytest.mark.parametrize("options", [{"width": 1}, {"num_layers": 0}])
def test_a_network_without_features_or_layers_is_refused(options: dict) -> None:
    with pytest.raises(SettingsError, match="width of at least 2 and num_layers of at least 1"):
        mlp(**options)


def test_images_and_missing_labels_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"points \[b, 2\] wanted, got shape \(3, 2, 4\)"):
        mlp()(torch.zeros(3, 2, 4), TIME)
    with pytest.raises(SettingsError, match="labels y wanted"):
        mlp(num_classes=3)(X, TIME)
