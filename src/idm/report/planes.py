"""Volumes as pictures: three planes through the middle."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from jaxtyping import Float
from torch import Tensor

GAP_PIXELS = 1
"""Pixels between planes, before they are enlarged; what is no plane is NaN."""

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
    sizes, planes = _plane_sizes(x.shape[2:], voxel), list[Tensor]()
    for axis in range(3):
        cut = x.select(2 + axis, x.shape[2 + axis] // 2)
        planes.append(F.interpolate(cut, size=sizes[axis], mode="nearest-exact"))
    return _beside(planes)


def planes_size(space: Sequence[int], voxel: Sequence[float]) -> tuple[int, int]:
    """Return height and width of the planes of a volume side by side, in pixels."""
    sizes = _plane_sizes(space, voxel)
    return max(high for high, _ in sizes), sum(wide for _, wide in sizes) + 2 * GAP_PIXELS


def _plane_sizes(space: Sequence[int], voxel: Sequence[float]) -> list[tuple[int, int]]:
    """Return height and width in pixels of the plane across each axis."""
    sides = [size * count for size, count in zip(voxel, space, strict=True)]
    pixel = max(min(voxel), max(sides) / LONGEST_SIDE_PIXELS)
    deep, high, wide = (max(1, round(side / pixel)) for side in sides)
    return [(high, wide), (deep, wide), (deep, high)]


def _beside(planes: Sequence[Tensor]) -> Tensor:
    """Put pictures side by side, each in the middle of the height of the highest."""
    high = max(plane.shape[2] for plane in planes)
    parts: list[Tensor] = []
    for plane in planes:
        above = (high - plane.shape[2]) // 2
        sides = (0 if not parts else GAP_PIXELS, 0, above, high - plane.shape[2] - above)
        parts.append(F.pad(plane, sides, value=math.nan))
    return torch.cat(parts, dim=3)
