"""Where patches lie in a raster: at equal distances, and each within a block, so that blocks share no values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_BLOCKS = 64
"""As many blocks a raster is divided into at most where it is the only one."""

FEWEST_KEPT = 2
"""Blocks keep on average at least so many times the patches, along an axis, that one loses to its neighbour."""


@dataclass(frozen=True, eq=False)
class PatchGrid:
    """The patches of a raster, of which those along all axes together make up the grid, the last axis fastest.

    Attributes:
        space: sizes of the raster.
        size: sizes of a patch.
        firsts: first place of each patch along each axis.
        blocks: number of the block that each is in, along each axis, from 0.
        num_divided: number of patches that are left out, since they would lie in two blocks.
    """

    space: tuple[int, ...]
    size: tuple[int, ...]
    firsts: tuple[NDArray[np.int64], ...]
    blocks: tuple[NDArray[np.int64], ...]
    num_divided: int = 0

    @classmethod
    def of(
        cls, space: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], *, in_blocks: bool
    ) -> "PatchGrid":
        """Lay patches over a raster, the first of them into its corner.

        Args:
            space: sizes of the raster.
            size: sizes of a patch, none larger than the raster's.
            stride: distances of the beginnings of neighbouring patches.
            in_blocks: leave out patches that would lie in two of at most ``MOST_BLOCKS`` blocks, which are about as
                long along one axis as along the others; otherwise the raster is one block.
        """
        axes = [_Axis.of(*sizes) for sizes in zip(space, size, stride, strict=True)]
        counts = _shared_out(space, [axis.most_blocks for axis in axes]) if in_blocks else [1] * len(space)
        found = [axis.in_blocks(count) for axis, count in zip(axes, counts, strict=True)]
        firsts, blocks = tuple(firsts for firsts, _ in found), tuple(blocks for _, blocks in found)
        total = math.prod(len(axis.firsts) for axis in axes)
        return cls(space, size, firsts, blocks, total - math.prod(map(len, firsts)))

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


@dataclass(frozen=True, eq=False)
class _Axis:
    """Patches along one axis.

    Attributes:
        firsts: first place of each.
        overlapped: as many of those that follow begin within a patch.
    """

    firsts: NDArray[np.int64]
    overlapped: int

    @classmethod
    def of(cls, length: int, size: int, stride: int) -> "_Axis":
        """Lay patches along an axis of a length."""
        return cls(np.arange(0, length - size + 1, stride), (size - 1) // stride)

    @property
    def most_blocks(self) -> int:
        """The most blocks that keep enough patches."""
        if not self.overlapped:
            return len(self.firsts)
        return max(1, (len(self.firsts) + self.overlapped) // (1 + FEWEST_KEPT) // self.overlapped)

    def in_blocks(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first place of patches that are kept, and the block of each.

        A block gives up its last ones, which overlap the first of the next block.
        """
        numbers = np.arange(len(self.firsts))
        blocks = numbers * count // len(numbers)
        kept = blocks == blocks[np.minimum(numbers + self.overlapped, len(numbers) - 1)]
        return self.firsts[kept], blocks[kept]


def _shared_out(space: Sequence[int], most: Sequence[int]) -> list[int]:
    """Return into how many blocks each axis is divided: the one whose blocks are longest is divided further."""
    counts = [1] * len(space)
    while True:
        total = math.prod(counts)
        further = [
            axis
            for axis, count in enumerate(counts)
            if count < most[axis] and total // count * (count + 1) <= MOST_BLOCKS
        ]
        if not further:
            return counts
        counts[max(further, key=lambda axis: space[axis] / counts[axis])] += 1
