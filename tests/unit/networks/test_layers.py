"""Embedding, normalisation, attention and resampling against their formulas in numpy."""

import math

import numpy as np
import pytest
import torch

from idm.networks import timestep_embedding
from idm.networks.attention import AttentionBlock
from idm.networks.fast.products import LONGEST_EXPLICIT, attend
from idm.networks.layers import Downsample, GroupNorm, Upsample


@pytest.mark.parametrize("dim", [1, 2, 7, 32])
def test_the_embedding_is_cosines_then_sines_of_geometric_frequencies(dim: int) -> None:
    times = np.array([0.0, 1.0, 17.25, 999.0])
    half = dim // 2
    expected = np.zeros((4, dim))
    for i in range(half):
        frequency = 10_000.0 ** (-i / half)
        expected[:, i], expected[:, half + i] = np.cos(times * frequency), np.sin(times * frequency)
    np.testing.assert_allclose(timestep_embedding(torch.as_tensor(times), dim).numpy(), expected, atol=1e-12)
    single = timestep_embedding(torch.as_tensor(times).float(), dim)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-4)


def test_whole_and_fractional_times_are_embedded_alike() -> None:
    torch.testing.assert_close(
        timestep_embedding(torch.tensor([5, 40]), 8), timestep_embedding(torch.tensor([5.0, 40.0]), 8)
    )


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (32, 32), (48, 16), (20, 4), (7, 1)])
def test_group_norm_standardises_groups_then_scales_and_shifts(channels: int, groups: int) -> None:
    generator = np.random.default_rng(0)
    x, scale, shift = generator.normal(2.0, 3.0, (2, channels, 5)), *generator.normal(size=(2, 2, channels))
    weight, bias = generator.normal(size=(2, channels))
    norm = GroupNorm(channels).double()
    norm.load_state_dict({"weight": torch.as_tensor(weight), "bias": torch.as_tensor(bias)})
    grouped = x.reshape(2, groups, -1)
    standard = (grouped - grouped.mean(-1, keepdims=True)) / np.sqrt(grouped.var(-1, keepdims=True) + 1e-5)
    expected = standard.reshape(x.shape) * weight[:, None] + bias[:, None]
    assert norm.num_groups == groups
    np.testing.assert_allclose(norm(torch.as_tensor(x)).detach().numpy(), expected, atol=1e-10)
    ours = norm(torch.as_tensor(x), torch.as_tensor(scale), torch.as_tensor(shift)).detach().numpy()
    np.testing.assert_allclose(ours, expected * (1.0 + scale[..., None]) + shift[..., None], atol=1e-10)


def test_attention_is_a_softmax_over_places_with_heads_ordered_before_query_key_and_value() -> None:
    channels, heads, places = 12, 3, 5
    block = AttentionBlock(channels, heads).double()
    generator = np.random.default_rng(1)
    weights = {name: generator.normal(size=tuple(value.shape)) for name, value in block.state_dict().items()}
    block.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    x = generator.normal(size=(1, channels, places))
    normal = block.norm(torch.as_tensor(x)).detach().numpy()[0]
    rows = weights["qkv.weight"][:, :, 0] @ normal + weights["qkv.bias"][:, None]
    width = channels // heads
    mixed = []
    for head in range(heads):
        query, key, value = rows[3 * width * head : 3 * width * (head + 1)].reshape(3, width, places)
        scores = np.exp(query.T @ key / math.sqrt(width))
        mixed.append(value @ (scores / scores.sum(1, keepdims=True)).T)
    expected = x[0] + weights["proj_out.weight"][:, :, 0] @ np.concatenate(mixed) + weights["proj_out.bias"][:, None]
    np.testing.assert_allclose(block(torch.as_tensor(x)).detach().numpy()[0], expected, atol=1e-10)


def test_resampling_without_convolutions_averages_and_repeats_but_leaves_the_first_of_three_axes() -> None:
    signal = torch.tensor([[[1.0, 3.0, 5.0, 7.0, 9.0]]])
    assert Downsample(1, use_conv=False, dims=1)(signal).tolist() == [[[2.0, 6.0, 9.0]]]
    assert Upsample(1, use_conv=False, dims=1)(signal[..., :2]).tolist() == [[[1.0, 1.0, 3.0, 3.0]]]
    volume = torch.arange(16.0).view(1, 1, 2, 2, 4)
    assert Downsample(1, use_conv=False, dims=3)(volume).tolist() == [[[[[2.5, 4.5]], [[10.5, 12.5]]]]]
    assert Upsample(1, use_conv=False, dims=3)(volume).shape == (1, 1, 2, 4, 8)


def test_the_axes_that_are_resampled_can_be_chosen() -> None:
    volume = torch.arange(8.0).view(1, 1, 2, 2, 2)
    whole = Downsample(1, use_conv=False, dims=3, halved_axes=(0, 1, 2))
    assert whole(volume).tolist() == [[[[[3.5]]]]]
    assert Downsample(1, use_conv=False, dims=3, halved_axes=(0,))(volume).tolist() == [[[[[2.0, 3.0], [4.0, 5.0]]]]]
    assert Upsample(1, use_conv=False, dims=3, halved_axes=(2,))(volume).shape == (1, 1, 2, 2, 4)


@pytest.mark.parametrize("space", [(6,), (4, 8), (2, 4, 6)])
def test_even_axes_are_halved_as_without_padding_bit_for_bit(space: tuple[int, ...]) -> None:
    dims, whole = len(space), tuple(range(len(space)))
    x = torch.randn(1, 2, *space)
    layer = Downsample(2, use_conv=True, dims=dims, halved_axes=whole)
    convolution = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)[dims - 1](2, 2, 3, stride=2, padding=1)
    convolution.load_state_dict(layer.op.state_dict())
    assert torch.equal(layer(x), convolution(x))
    average = (torch.nn.AvgPool1d, torch.nn.AvgPool2d, torch.nn.AvgPool3d)[dims - 1](2)
    assert torch.equal(Downsample(2, use_conv=False, dims=dims, halved_axes=whole)(x), average(x))


@pytest.mark.parametrize("space", [(5,), (3, 4), (7, 1), (3, 5, 2)])
def test_a_convolution_halves_an_odd_axis_as_if_it_were_one_zero_longer(space: tuple[int, ...]) -> None:
    layer = Downsample(2, use_conv=True, dims=len(space), halved_axes=tuple(range(len(space))))
    x = torch.randn(1, 2, *space)
    padding = [part for size in reversed(space) for part in (0, size % 2)]
    torch.testing.assert_close(layer(x), layer(torch.nn.functional.pad(x, padding)))


@pytest.mark.parametrize("space", [(5,), (3, 4), (7, 1), (3, 5, 2)])
def test_averages_over_an_odd_axis_are_of_what_there_is(space: tuple[int, ...]) -> None:
    layer = Downsample(2, use_conv=False, dims=len(space), halved_axes=tuple(range(len(space))))
    x = torch.randn(1, 2, *space)
    longer = x
    for axis, size in enumerate(space, start=2):
        longer = torch.cat([longer, longer.narrow(axis, size - 1, 1)], axis) if size % 2 else longer
    torch.testing.assert_close(layer(x), layer(longer))


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("space", [(5,), (4, 6), (2, 3, 4)])
def test_group_norm_in_low_precision_is_that_in_float32_up_to_rounding(space: tuple[int, ...], modulated: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    norm = GroupNorm(48)
    with torch.no_grad():
        norm.weight.normal_(generator=generator)
        norm.bias.normal_(generator=generator)
    x = (0.5 + 2.0 * torch.randn(3, 48, *space, generator=generator)).bfloat16()
    more = torch.randn(2, 3, 48, generator=generator).bfloat16() if modulated else (None, None)
    low = norm(x, more[0], more[1])
    high = norm(x.float(), *(None if value is None else value.float() for value in more))
    assert low.dtype == torch.bfloat16
    # Two roundings to 8 bits: of the factor and offset, and of the result.
    torch.testing.assert_close(low.float(), high, rtol=2**-6, atol=2**-7 * float(high.detach().abs().max()))


@pytest.mark.parametrize("places", [1, 7, LONGEST_EXPLICIT, LONGEST_EXPLICIT + 1])
def test_attention_in_low_precision_is_that_in_float32_up_to_rounding(places: int) -> None:
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(2, 3, places, 8, generator=generator).bfloat16() for _ in range(3))
    scores = (query.double() @ key.double().transpose(-2, -1) / math.sqrt(8)).softmax(-1)
    expected = scores @ value.double()
    ours = attend(query, key, value)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), expected, rtol=2**-6, atol=2**-6)


def test_an_activated_norm_is_the_silu_of_the_norm_and_leaves_its_input_alone() -> None:
    plain, activated = GroupNorm(8), GroupNorm(8, activated=True)
    x, scale, shift = torch.randn(3, 8, 5), torch.randn(3, 8), torch.randn(3, 8)
    before = x.clone()
    for told in ((), (scale, shift)):
        for gradients in (False, True):
            with torch.set_grad_enabled(gradients):
                expected = plain(x, *told) * torch.sigmoid(plain(x, *told))
                torch.testing.assert_close(activated(x, *told), expected)
    assert torch.equal(x, before)
