"""Where patches lie in a raster: at equal distances, and each within a block, so that blocks share no values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_BLOCKS = 64
"""About as many blocks a raster is divided into where it is the only one."""

FEWEST_KEPT = 2
"""A block keeps at least so many times the patches, along an axis, that it loses to its neighbour."""


@dataclass(frozen=True, eq=False)
class PatchGrid:
    """The patches of a raster, of which those along all axes together make up the grid, the last axis fastest.

    Attributes:
        space: sizes of the raster.
        size: sizes of a patch.
        firsts: first place of each patch along each axis.
        blocks: number of the block that each is in, along each axis, from 0.
    """

    space: tuple[int, ...]
    size: tuple[int, ...]
    firsts: tuple[NDArray[np.int64], ...]
    blocks: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(
        cls, space: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], *, in_blocks: bool
    ) -> "PatchGrid":
        """Lay patches over a raster, the first of them into its corner.

        Args:
            space: sizes of the raster.
            size: sizes of a patch, none larger than the raster's.
            stride: distances of the beginnings of neighbouring patches.
            in_blocks: leave out patches that would lie in two of about ``MOST_BLOCKS`` blocks; otherwise the raster is
                one block.
        """
        most = round(MOST_BLOCKS ** (1 / len(space))) if in_blocks else 1
        found = [_along(*sizes, most) for sizes in zip(space, size, stride, strict=True)]
        return cls(space, size, tuple(firsts for firsts, _ in found), tuple(blocks for _, blocks in found))

    @property
    def counts(self) -> tuple[int, ...]:
        """Patches along each axis."""
        return tuple(map(len, self.firsts))

    def __len__(self) -> int:
        """Return the number of patches."""
        return math.prod(self.counts)

    def firsts_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first place of patches along each axis, [n, axes]."""
        return self._of(self.firsts, numbers)

    def blocks_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the block of patches along each axis, [n, axes]."""
        return self._of(self.blocks, numbers)

    def _of(self, along: Sequence[NDArray[np.int64]], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        places = np.unravel_index(numbers, self.counts)
        return np.stack([some[place] for some, place in zip(along, places, strict=True)], axis=1)

    @property
    def num_covered(self) -> int:
        """Places of the raster that are in some patch."""
        return math.prod(
            int(np.minimum(np.diff(firsts), size).sum()) + size
            for firsts, size in zip(self.firsts, self.size, strict=True)
        )


def _along(length: int, size: int, stride: int, most_blocks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first place of patches along an axis, and the block of each.

    A patch overlaps as many of those that follow as begin within its size. A block gives up its last ones, which
    overlap the first of the next block.
    """
    firsts = np.arange(0, length - size + 1, stride)
    overlapped = (size - 1) // stride
    most = min(
        most_blocks, (len(firsts) + overlapped) // (1 + FEWEST_KEPT) // overlapped if overlapped else len(firsts)
    )
    blocks = np.arange(len(firsts)) * max(1, most) // len(firsts)
    kept = blocks == blocks[np.minimum(np.arange(len(firsts)) + overlapped, len(firsts) - 1)]
    return firsts[kept], blocks[kept]
