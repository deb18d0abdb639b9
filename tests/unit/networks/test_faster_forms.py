"""Operations that are done in another way than they are defined give what the definition gives, gradients included."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idm.networks import MLP, UNet
from idm.networks.layers import CONVOLVED, GroupNorm, Pointwise, Upsample

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
