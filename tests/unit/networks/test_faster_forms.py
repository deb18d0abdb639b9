"""Operations that are done in another way than they are defined give what the definition gives, gradients included."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idm.networks import MLP, UNet
from idm.networks.fast import processor, products
from idm.networks.fast.processor import FEWEST_PLACES_LAST, fast_layout
from idm.networks.fast.products import CONVOLVED, linear
from idm.networks.layers import GroupNorm, Pointwise, Upsample

SPACES = [(5,), (4, 6), (2, 3, 4)]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_same(ours: Tensor, defined: Tensor, inputs: list[Tensor]) -> None:
    """Compare values and the gradients with respect to every input, along a random direction."""
    torch.testing.assert_close(ours, defined, rtol=1e-10, atol=1e-10)
    direction = random(*ours.shape, seed=9)
    for found, expected in zip(
        torch.autograd.grad(ours, inputs, direction), torch.autograd.grad(defined, inputs, direction), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def layouts(x: Tensor) -> list[Tensor]:
    """The same values as they may lie in memory: channels before or after the axes of space."""
    return [x, x.movedim(1, -1).contiguous().movedim(-1, 1)]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_modulated_group_norm_is_a_norm_then_scale_and_shift(space: tuple[int, ...], rows: int) -> None:
    norm = GroupNorm(8).double()
    with torch.no_grad():
        norm.weight.copy_(random(8, seed=1))
        norm.bias.copy_(random(8, seed=2))
    scale, shift = (random(rows, 8, seed=seed).requires_grad_() for seed in (3, 4))
    for x in layouts(random(3, 8, *space)):
        x.requires_grad_()
        assert x.shape == (3, 8, *space)
        plain = F.group_norm(x, 8, norm.weight, norm.bias, norm.eps)
        wide = (rows, 8) + (1,) * len(space)
        defined = plain * (1.0 + scale.view(wide)) + shift.view(wide)
        assert_same(norm(x, scale, shift), defined, [x, scale, shift, norm.weight, norm.bias])


@pytest.mark.parametrize("space", SPACES)
def test_a_pointwise_layer_is_a_convolution_with_a_kernel_of_one(space: tuple[int, ...]) -> None:
    layer = Pointwise(len(space), 6, 4).double()
    for x in layouts(random(3, 6, *space)):
        x.requires_grad_()
        assert_same(layer(x), CONVOLVED[len(space)](x, layer.weight, layer.bias), [x, layer.weight, layer.bias])


@pytest.mark.parametrize("places", [16, 17])
def test_a_large_pointwise_layer_in_float32_is_the_same(monkeypatch, places: int) -> None:
    monkeypatch.setattr(processor, "WIDE_VECTORS", True)
    monkeypatch.setattr(products, "LEAST_WORK", 100)
    layer, exact = Pointwise(2, 6, 4), Pointwise(2, 6, 4).double()
    exact.load_state_dict(layer.state_dict())
    x = random(3, 6, places, places)
    single = x.float().requires_grad_()
    ours, defined = layer(single), exact(x.requires_grad_())
    torch.testing.assert_close(ours.double(), defined, rtol=1e-5, atol=1e-5)
    direction = random(*defined.shape, seed=9)
    found = torch.autograd.grad(ours, [single, *layer.parameters()], direction.float())
    for one, expected in zip(found, torch.autograd.grad(defined, [x, *exact.parameters()], direction), strict=True):
        torch.testing.assert_close(one.double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_linear_map_of_tokens_is_a_product_of_matrices(monkeypatch, wide: bool, transposed: bool) -> None:
    monkeypatch.setattr(processor, "WIDE_VECTORS", wide)
    tokens, weight, bias = random(3, 5, 6), random(4, 6, seed=1), random(4, seed=2)
    exact = [tokens.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()]
    single = [value.detach().float().requires_grad_() for value in exact]
    given = single[0].transpose(1, 2).contiguous().transpose(1, 2) if transposed else single[0]
    ours, defined = linear(given, *single[1:]), exact[0] @ exact[1].mT + exact[2]
    torch.testing.assert_close(ours.double(), defined, rtol=1e-5, atol=1e-5)
    assert ours.stride(-1) == 1  # or torch's fused attention would not be used on what comes of it
    direction = random(3, 5, 4, seed=9)
    found = torch.autograd.grad(ours, single, direction.float())
    for one, expected in zip(found, torch.autograd.grad(defined, exact, direction), strict=True):
        torch.testing.assert_close(one.double(), expected, rtol=1e-5, atol=1e-5)


def test_calls_in_float32_keep_channels_last_where_vectors_are_wide(monkeypatch) -> None:
    size = round(FEWEST_PLACES_LAST**0.5)
    large, small = torch.zeros(2, 1, size, size), torch.zeros(2, 1, size, size - 1)
    monkeypatch.setattr(processor, "WIDE_VECTORS", True)
    with torch.no_grad():
        assert fast_layout(large) == torch.channels_last
        others = [small, large.double(), torch.zeros(2, 1, size**2), torch.zeros(2, 1, 4, size, size)]
        with torch.autocast("cpu"):
            assert fast_layout(large) == torch.contiguous_format
    assert all(fast_layout(x) == torch.contiguous_format for x in [large, *others])
    monkeypatch.setattr(processor, "WIDE_VECTORS", False)
    with torch.no_grad():
        assert fast_layout(large) == torch.contiguous_format


@pytest.mark.parametrize("conv_resample", [True, False])
def test_a_network_with_channels_last_is_the_same(monkeypatch, conv_resample: bool) -> None:
    monkeypatch.setattr(processor, "WIDE_VECTORS", True)
    sizes = {"model_channels": 8, "num_res_blocks": 1, "channel_mult": (1, 2), "num_heads": 2, "num_classes": 3}
    network = UNet(in_channels=2, out_channels=4, attention_resolutions=(2,), conv_resample=conv_resample, **sizes)
    exact = UNet(in_channels=2, out_channels=4, attention_resolutions=(2,), conv_resample=conv_resample, **sizes)
    exact.double()
    with torch.no_grad():
        for seed, (name, parameter) in enumerate(exact.named_parameters()):
            parameter.copy_(0.3 * random(*parameter.shape, seed=seed))
            network.get_parameter(name).copy_(parameter)
        x, time, y = random(2, 2, 32, 34), torch.tensor([3.0, 70.0]), torch.tensor([0, 2])
        seen: list[bool] = []
        look = lambda module, inputs: seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))  # noqa: E731
        network.out.register_forward_pre_hook(look)
        ours = network(x.float(), time, y)
        assert seen == [True]
        torch.testing.assert_close(ours.double(), exact(x, time.double(), y), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("space", [(1,), *SPACES])
def test_upsampling_repeats_and_then_convolves(space: tuple[int, ...]) -> None:
    layer = Upsample(3, use_conv=True, dims=len(space)).double()
    assert isinstance(layer.conv, nn.Module)
    x = random(2, 3, *space).requires_grad_()
    repeated = x
    for axis, factor in enumerate(layer.factors, start=2):
        repeated = repeated.repeat_interleave(factor, axis)
    assert_same(layer(x), layer.conv(repeated), [x, *layer.conv.parameters()])


@pytest.mark.parametrize("use_scale_shift_norm", [True, False])
def test_a_time_repeated_by_expansion_is_embedded_once_with_the_same_result(use_scale_shift_norm: bool) -> None:
    network = UNet(
        in_channels=1,
        out_channels=1,
        model_channels=8,
        channel_mult=(1, 2),
        num_res_blocks=1,
        attention_resolutions=(2,),
        num_heads=2,
        num_classes=3,
        use_scale_shift_norm=use_scale_shift_norm,
    ).double()
    with torch.no_grad():
        for seed, parameter in enumerate(network.parameters()):
            parameter.copy_(0.3 * random(*parameter.shape, seed=seed))
    x, y, time = random(4, 1, 4, 4), torch.tensor([0, 1, 2, 0]), torch.tensor(7.0, dtype=torch.float64)
    torch.testing.assert_close(network(x, time.expand(4), y), network(x, time.repeat(4), y), rtol=1e-12, atol=1e-12)
    assert network.time_embed(time.expand(4)).shape[0] == 1
    assert network.time_embed(time.repeat(4)).shape[0] == 4
    points = MLP(in_channels=2, out_channels=2).double()
    points.out.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    at = random(4, 2)
    torch.testing.assert_close(points(at, time.expand(4)), points(at, time.repeat(4)), rtol=1e-12, atol=1e-12)
