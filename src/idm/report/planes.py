"""Volumes as pictures: three planes through the middle."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from jaxtyping import Float
from torch import Tensor

GAP_PIXELS = 1
"""Pixels between planes, before they are enlarged; their value is in the middle of the range."""

LONGEST_SIDE_PIXELS = 512
"""Pixels of the longest side of a plane, but for one per voxel."""


def middle_planes(
    x: Float[Tensor, "n c d h w"], voxel: Sequence[float] = (1.0, 1.0, 1.0)
) -> Float[Tensor, "n c high wide"]:
    """Cut volumes through the middle, across each of their axes in turn, and put the cuts side by side.

    Args:
        x: volumes in the model's range.
        voxel: size of a voxel along each axis, in any unit; pixels are square, and as large as its smallest side.
    """
    sides = [size * count for size, count in zip(voxel, x.shape[2:], strict=True)]
    pixel = max(min(voxel), max(sides) / LONGEST_SIDE_PIXELS)
    planes: list[Tensor] = []
    for axis in range(3):
        cut = x.select(2 + axis, x.shape[2 + axis] // 2)
        lengths = [side for other, side in enumerate(sides) if other != axis]
        size = [max(1, round(length / pixel)) for length in lengths]
        planes.append(F.interpolate(cut, size=size, mode="nearest-exact"))
    return _beside(planes)


def _beside(planes: Sequence[Tensor]) -> Tensor:
    """Put pictures side by side, each in the middle of the height of the highest."""
    high = max(plane.shape[2] for plane in planes)
    parts: list[Tensor] = []
    for plane in planes:
        above = (high - plane.shape[2]) // 2
        parts.append(F.pad(plane, (0 if not parts else GAP_PIXELS, 0, above, high - plane.shape[2] - above)))
    return torch.cat(parts, dim=3)
