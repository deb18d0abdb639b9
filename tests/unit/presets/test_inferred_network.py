"""Stages, halved axes and attention follow from sizes and, of volumes, from voxels."""

import pytest

from idm.presets.inferred_network import Halving, halving_for, network_for

AS = [
    ((15, 15), (16, 16)),
    ((17, 17), (18, 18)),
    ((28, 28), (32, 32)),
    ((31, 45), (32, 48)),
    ((187,), (192,)),
    ((1, 187), (1, 192)),
    ((7,), (8,)),
    ((24, 24, 15), (24, 24, 16)),
    ((15, 15, 15), (16, 16, 16)),
]
"""Sizes, and larger ones that can be halved as often."""


@pytest.mark.parametrize(("space", "larger"), AS)
def test_the_network_is_that_of_the_next_size_that_can_be_halved(space, larger):
    assert network_for(space) == network_for(larger)


@pytest.mark.parametrize(
    ("space", "widths", "attention"),
    [
        ((4,), (1,), ()),
        ((8,), (1, 2), (2,)),
        ((16,), (1, 2, 2), (2, 4)),
        ((4, 4), (1,), ()),
        ((8, 8), (1, 2), (2,)),
        ((8, 64), (1, 2), (2,)),
        ((16, 16), (1, 2, 2), (2, 4)),
        ((32, 32), (1, 2, 2, 4), (2, 4, 8)),
        ((64, 64), (1, 2, 2, 4), (4, 8)),
        ((256,), (1, 2, 2, 4), (2, 4, 8)),
        ((1024,), (1, 2, 2, 4), (4, 8)),
    ],
)
def test_signals_and_images_are_halved_to_four_places_or_three_times(space, widths, attention):
    options = network_for(space).options
    assert (options.channel_mult, options.attention_resolutions) == (widths, attention)
    assert options.halved_axes is None


@pytest.mark.parametrize(
    ("space", "number", "axes"),
    [
        ((24, 24, 24), 2, (0, 1, 2)),
        ((24, 24, 12), 2, (0, 1)),
        ((24, 12, 24), 2, (0, 2)),
        ((12, 24, 24), 2, (1, 2)),
        ((8, 64, 64), 3, (1, 2)),
        ((64, 64, 8), 3, (0, 1)),
        ((16, 16, 64), 2, (0, 1, 2)),
        ((1, 1, 64), 3, (2,)),
        ((3, 3, 3), 0, ()),
        ((1, 40), 3, (1,)),
        ((40, 1), 3, (0,)),
        ((3, 8), 1, (1,)),
    ],
)
def test_axes_that_are_too_short_stay_whole_and_the_others_are_halved(space, number, axes):
    assert halving_for(space) == Halving(number, axes)


@pytest.mark.parametrize(
    ("spacing", "axes"),
    [
        (None, (0, 1, 2)),
        ((0.5, 0.5, 0.5), (0, 1, 2)),
        ((1.0, 1.0, 2.0), (0, 1, 2)),
        ((1.0, 1.0, 3.0), (0, 1)),
        ((5.0, 1.0, 1.0), (1, 2)),
        ((1.0, 5.0, 1.0), (0, 2)),
        ((1.0, 5.0, 5.0), (0,)),
    ],
)
def test_axes_along_thick_slices_stay_whole(spacing, axes):
    """Three halvings make 8 of 1: thick slices stay whole from the square root of that on, where 8 / r is below r."""
    assert halving_for((64, 64, 64), spacing) == Halving(3, axes)


def test_the_finest_axis_is_the_finest_of_those_that_can_be_halved():
    assert halving_for((3, 64, 64), (1.0, 5.0, 5.0)) == Halving(3, (1, 2))


def test_axes_are_named_in_settings_only_where_they_are_not_the_usual_ones():
    assert network_for((8, 64, 64)).options.halved_axes is None
    assert network_for((64, 64, 8)).options.halved_axes == (0, 1)
    assert network_for((64, 64, 64)).options.halved_axes == (0, 1, 2)
    assert network_for((1, 40)).options.halved_axes == (1,)


def test_volumes_which_have_many_places_have_narrow_networks():
    assert network_for((16, 16)).options.model_channels == 64
    assert network_for((16, 16, 16)).options.model_channels == 32


@pytest.mark.parametrize(
    ("space", "given", "chosen"),
    [
        ((64, 64), {"channel_mult": (1, 2)}, {"attention_resolutions": (), "num_heads": 4, "model_channels": 64}),
        ((16, 16), {"channel_mult": (1, 2)}, {"attention_resolutions": (2,)}),
        ((32, 32), {"channel_mult": (1, 1, 2, 2, 4)}, {"attention_resolutions": (2, 4, 8, 16)}),
        ((4, 4), {"channel_mult": (1, 2)}, {"attention_resolutions": (2,)}),
        ((32, 32), {"model_channels": 6}, {"num_heads": 2, "attention_resolutions": (2, 4, 8)}),
        ((32, 32), {"model_channels": 7, "channel_mult": (1, 2)}, {"num_heads": 1}),
        ((64, 64), {"halved_axes": (1,)}, {"attention_resolutions": ()}),
        ((8, 64, 64), {"channel_mult": (1, 2)}, {"halved_axes": (0, 1, 2), "attention_resolutions": ()}),
        ((24, 24, 12), {"channel_mult": (1, 2, 2, 2)}, {"halved_axes": (0, 1), "attention_resolutions": (8,)}),
    ],
)
def test_what_is_chosen_follows_what_is_given(space, given, chosen):
    options = network_for(space, given=given).options
    assert {name: getattr(options, name) for name in chosen} == chosen
