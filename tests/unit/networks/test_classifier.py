"""Classifiers of noisy data: half of a denoising network, and a head."""

import pytest
import torch
from torch import nn

from idm.core.errors import SettingsError
from idm.networks import MLP, UNet, num_parameters
from idm.networks.classifier import EncoderClassifier, classifier_like

TIME = torch.tensor([3.0, 40.0])


def unet(dims: int, channels: int = 2) -> UNet:
    torch.manual_seed(0)
    network = UNet(
        in_channels=channels,
        out_channels=channels,
        model_channels=8,
        num_res_blocks=1,
        channel_mult=(1, 2),
        num_heads=2,
        num_classes=4,
        dims=dims,
        dropout=0.5,
    )
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    return network


@pytest.mark.parametrize("shape", [(2, 11), (2, 8, 6), (2, 3, 6, 5)])
def test_a_u_net_s_half_names_classes_of_data_of_one_to_three_axes_of_any_size(shape: tuple[int, ...]) -> None:
    network = unet(len(shape) - 1)
    made = classifier_like(network, shape, 5, seed=0).eval()
    x = torch.randn(2, *shape, requires_grad=True)
    logits = made(x, TIME)
    assert torch.equal(logits, torch.zeros(2, 5))  # the head starts at zero, so that no class is likelier
    nn.init.normal_(dict(made.named_parameters())["out.weight"])
    (gradient,) = torch.autograd.grad(made(x, TIME)[:, 1].sum(), x)
    assert gradient.abs().max() > 0
    assert num_parameters(made) < num_parameters(network)


@pytest.mark.parametrize("shape", [(2, 8, 6), (3,)])
def test_logits_are_a_linear_map_of_features(shape: tuple[int, ...]) -> None:
    network = unet(2) if len(shape) > 1 else MLP(in_channels=3, out_channels=3, width=16)
    made = classifier_like(network, shape, 5, seed=0).eval()
    nn.init.normal_(made.out.weight)
    nn.init.normal_(made.out.bias)
    x = torch.randn(2, *shape)
    expected = made.features(x, TIME) @ made.out.weight.T + made.out.bias
    torch.testing.assert_close(made(x, TIME), expected, rtol=1e-5, atol=1e-6)


def test_a_sample_s_logits_depend_on_that_sample_and_its_seed_alone() -> None:
    made = classifier_like(unet(2), (2, 8, 8), 5, seed=0).train()
    nn.init.normal_(dict(made.named_parameters())["out.weight"])
    assert made.uses_dropout_seeds
    x, seeds = torch.randn(2, 2, 8, 8), torch.tensor([5, 9])
    both = made(x, TIME, dropout_seeds=seeds)
    torch.testing.assert_close(made(x[1:], TIME[1:], dropout_seeds=seeds[1:]), both[1:], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(made(x, TIME, dropout_seeds=seeds + 1), both)


def test_of_points_it_is_an_mlp_of_the_same_size() -> None:
    network = MLP(in_channels=3, out_channels=3, width=16, num_layers=2, num_classes=4)
    made = classifier_like(network, (3,), 5, seed=0)
    assert isinstance(made, MLP)
    assert made(torch.randn(2, 3), TIME).shape == (2, 5)
    assert made.layers[1].weight.shape == network.layers[1].weight.shape == (16, 16)


def test_a_network_that_is_shown_an_image_beside_the_data_is_refused() -> None:
    network = UNet(
        in_channels=1, out_channels=1, model_channels=4, channel_mult=(1,), condition_channels=1, num_heads=1
    )
    with pytest.raises(SettingsError, match=r"^network: one without condition_channels wanted for a classifier"):
        classifier_like(network, (1, 8, 8), 5, seed=0)


@pytest.mark.parametrize(("shape", "kind"), [((3,), MLP), ((1, 8, 8), EncoderClassifier)])
def test_of_any_other_network_nothing_is_taken_and_nothing_drawn_from_the_global_generator(
    shape: tuple[int, ...], kind: type[nn.Module]
) -> None:
    before = torch.get_rng_state()
    made, again = (classifier_like(nn.Identity(), shape, 5, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(made, kind)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), again.parameters(), strict=True))
    assert made(torch.randn(2, *shape), TIME).shape == (2, 5)
