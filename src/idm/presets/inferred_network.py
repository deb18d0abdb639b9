"""The network for data nobody has described: stages and halved axes from sizes and, of volumes, from voxels.

What a user gives of it is followed: attention and heads fit the stages and widths that are given.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from idm.networks.layers import usually_halved
from idm.settings.experiment import NetworkSettings
from idm.settings.options import MLPOptions, UNetOptions

SMALLEST_MAP = 4
"""An axis is not halved to fewer places than this."""

MOST_HALVINGS = 3
"""A U-Net has at most one stage more than this."""

MOST_ATTENTION_PLACES = 256
"""Most places of a map with self-attention."""

MOST_HEADS = 4
"""There are as many heads of attention, or the most of its divisors that divide the width of every stage."""


@dataclass(frozen=True)
class Halving:
    """How a U-Net changes from stage to stage.

    Attributes:
        number: how often the axes are halved, one less than there are stages.
        axes: which spatial axes are halved; the others stay whole.
    """

    number: int
    axes: tuple[int, ...]

    def space(self, space: Sequence[int], times: int) -> list[int]:
        """Return the sizes after a number of halvings, each of which rounds up."""
        return [-(-size // 2**times) if axis in self.axes else size for axis, size in enumerate(space)]


def network_for(
    space: Sequence[int], spacing: Sequence[float] | None = None, given: Mapping[str, Any] | None = None
) -> NetworkSettings:
    """Choose a network for samples of those spatial sizes; without any, they are points.

    Args:
        space: spatial sizes.
        spacing: distance of neighbouring places along each axis, in any one unit; None where it is not known.
        given: options of a U-Net that will be laid over those chosen, which follow them.
    """
    if not space:
        return NetworkSettings(name="mlp", options=MLPOptions(width=128))
    given, usual = given or {}, halving_for(space, spacing)
    widths = given.get("channel_mult", (1, 2, 2, 4)[: usual.number + 1])
    halving = usual if "channel_mult" not in given else halving_for(space, spacing, len(widths) - 1)
    if "halved_axes" in given:
        halving = replace(halving, axes=given["halved_axes"] or usually_halved(len(space)))
    maps = {times: math.prod(halving.space(space, times)) for times in range(1, halving.number + 1)}
    channels = given.get("model_channels", 64 if usual.number >= 2 and len(space) < 3 else 32)
    options: dict[str, Any] = {
        "model_channels": channels,
        "num_res_blocks": 2,
        "channel_mult": widths,
        "attention_resolutions": tuple(2**times for times, places in maps.items() if places <= MOST_ATTENTION_PLACES),
        "num_heads": math.gcd(MOST_HEADS, *(round(width * channels) for width in widths)),
        "dropout": 0.1,
    }
    if halving.number > 0 and halving.axes != usually_halved(len(space)):
        options["halved_axes"] = halving.axes
    return NetworkSettings(name="unet", options=UNetOptions(**options))


def halving_for(space: Sequence[int], spacing: Sequence[float] | None = None, number: int | None = None) -> Halving:
    """Choose how often to halve which axes.

    Of all numbers of halvings that some axis bears, the one that leaves the coarsest map with the fewest places; of
    equal ones the smaller. An axis that does not bear them stays whole. Images and signals are halved no more often
    than all of their axes bear, save those that bear none. Where the number is given, the axes that bear it are halved,
    or, if none does, those that bear the most.
    """
    bearable = [_halvings(size) for size in space]
    most = max(bearable)
    if len(space) < 3:
        most = min((times for times in bearable if times > 0), default=0)
    choices = [Halving(times, _halved_axes(times, bearable, spacing)) for times in range(1, most + 1)]
    if number is None:
        return min(choices, key=lambda choice: math.prod(choice.space(space, choice.number)), default=Halving(0, ()))
    axes = choices[min(number, most) - 1].axes if choices and number > 0 else usually_halved(len(space))
    return Halving(number, axes)


def _halvings(size: int) -> int:
    """Return how often an axis can be halved, rounding up: as often as one whose length is the next that can be."""
    number = 0
    while number < MOST_HALVINGS and -(-size // 2 ** (number + 1)) >= SMALLEST_MAP:
        number += 1
    return number


def _halved_axes(number: int, bearable: Sequence[int], spacing: Sequence[float] | None) -> tuple[int, ...]:
    """Return the axes that bear the halvings and, where distances are known, come nearer to the others by them.

    An axis whose places lie r times as far apart as those of the finest would end at r / 2^number of the others' if it
    stayed whole: nearer to 1 than r is where r exceeds the square root of 2^number.
    """
    bearing = [axis for axis, most in enumerate(bearable) if most >= number]
    distances = [1.0 if spacing is None else spacing[axis] for axis in bearing]
    longest = min(distances) * 2 ** (number / 2)
    return tuple(axis for axis, distance in zip(bearing, distances, strict=True) if distance <= longest)
