"""The network for data nobody has described: levels and halved axes from sizes and, of volumes, from voxels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from idm.experiment.settings import NetworkSettings
from idm.networks.layers import usually_halved

SMALLEST_MAP = 4
"""An axis is not halved to fewer places than this."""

MOST_HALVINGS = 3
"""A U-Net has at most one level more than this."""

LARGEST_ATTENTION = 256
"""Self-attention is for maps of at most so many places."""


@dataclass(frozen=True)
class Halving:
    """How a U-Net changes from level to level.

    Attributes:
        number: how often the axes are halved, one less than there are levels.
        axes: which spatial axes are halved; the others stay whole.
    """

    number: int
    axes: tuple[int, ...]

    def space(self, space: Sequence[int], times: int) -> list[int]:
        """Return the sizes after so many halvings, each of which rounds up."""
        return [-(-size // 2**times) if axis in self.axes else size for axis, size in enumerate(space)]


def network_for(space: Sequence[int], spacing: Sequence[float] | None = None) -> NetworkSettings:
    """Choose a network for samples of those spatial sizes; without any, they are points.

    Args:
        space: spatial sizes.
        spacing: distance of neighbouring places along each axis, in any one unit; None where it is not known.
    """
    if not space:
        return NetworkSettings(name="mlp", options={"width": 128})
    halving = halving_for(space, spacing)
    maps = {times: math.prod(halving.space(space, times)) for times in range(1, halving.number + 1)}
    options: dict[str, Any] = {
        "model_channels": 64 if halving.number >= 2 and len(space) < 3 else 32,
        "num_res_blocks": 2,
        "channel_mult": (1, 2, 2, 4)[: halving.number + 1],
        "attention_resolutions": tuple(2**times for times, places in maps.items() if places <= LARGEST_ATTENTION),
        "num_heads": 4,
        "dropout": 0.1,
    }
    if halving.number > 0 and halving.axes != usually_halved(len(space)):
        options["halved_axes"] = halving.axes
    return NetworkSettings(name="unet", options=options)


def halving_for(space: Sequence[int], spacing: Sequence[float] | None = None) -> Halving:
    """Choose how often to halve which axes.

    Of all numbers of halvings that some axis bears, the one that leaves the coarsest map with the fewest places; of
    equal ones the smaller. An axis that does not bear them stays whole. Images and signals are halved no more often
    than all of their axes bear, save those that bear none.
    """
    bearable = [_halvings(size) for size in space]
    most = max(bearable)
    if len(space) < 3:
        most = min((number for number in bearable if number > 0), default=0)
    choices = [Halving(number, _halved_axes(number, bearable, spacing)) for number in range(1, most + 1)]
    return min(choices, key=lambda choice: math.prod(choice.space(space, choice.number)), default=Halving(0, ()))


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
