"""Patches of the samples of a source, such as rasters and volumes that are too large for a model."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.core.text import counted
from idm.data.base import Indices, Samples, Source, blocks
from idm.data.metadata import of_pieces
from idm.data.names import MadeNames
from idm.data.patch_bands import read_patches_of
from idm.data.patch_grid import PatchGrid
from idm.data.sizes import Sizes, along_axes, are_within, sizes_in_words
from idm.data.wholes import FEWEST, Wholes

SIZE, STRIDE = "patch_size", "patch_stride"
"""The settings that cut samples."""

AXES = ("z", "y", "x")
"""Names of the axes of space, the last ones of which a raster has."""

RASTER = "raster"
"""Column of tables: the name of what a patch was cut from."""


@final
class Patches(Source):
    """Windows of one size that lie in a grid in each sample of a source, and are read one by one.

    Samples of the source are rasters here. What belongs to a raster, such as its class, belongs to all of its patches.
    Those of one raster are of one whole, see ``Source.wholes``, and of windows those of one recording, where there are
    several; of the only raster, where it is to be split, those of a block are, and patches that would lie in two are
    left out. So are those that miss values, where the source does so.
    """

    def __init__(self, rasters: Source, size: Sizes, stride: Sizes = 0, *, to_split: bool = True) -> None:
        """Lay a grid over all rasters.

        Args:
            rasters: the source; it was told that it is read in patches where it takes that, see ``in_patches`` there.
            size: size of patches along every axis of space, or along each.
            stride: distance of the beginnings of neighbouring patches; 0: the size, so that they share no values.
            to_split: whether some patches are going to be chosen and held out, so that the only raster is divided into
                blocks; otherwise it is no whole.

        Raises:
            SettingsError: a size that does not fit into the rasters, or a stride for other axes.
            DataError: no patch of which no value is missing.
        """
        space = rasters.shape[1:]
        _refuse(space, size, stride)
        sizes = along_axes(size, space)
        self._rasters, self._is_lone = rasters, len(rasters) == 1
        self._titles = rasters.names or ([""] if self._is_lone else [*map(str, range(len(rasters)))])
        self._strides = along_axes(stride, space) if stride else sizes
        self._grid = PatchGrid.of(space, sizes, self._strides, in_blocks=self._is_lone and to_split)
        self.shape, self.dtype, self.levels = (rasters.shape[0], *sizes), rasters.dtype, rasters.levels
        self._kept = self._complete()
        self._owners, numbers = np.divmod(self._kept, len(self._grid))
        self._inherit(rasters)
        self.names = MadeNames(len(self._kept), self._named)
        self.note = f"patches of {' x '.join(map(str, sizes))} of {counted(len(rasters), 'raster')}, {rasters.note}"
        self.remarks = (*rasters.remarks, *self._left_out())
        self.wholes = self._wholes(numbers) if to_split or not self._is_lone else None

    def _inherit(self, rasters: Source) -> None:
        """Take over what is known of rasters, for each of their patches."""
        self.labels = None if rasters.labels is None else rasters.labels[self._owners]
        self.class_names, self.class_numbers = rasters.class_names, rasters.class_numbers
        self.layout, self.spacing, self.channel_names = rasters.layout, rasters.spacing, rasters.channel_names
        self.sampling_rate, self.metadata = rasters.sampling_rate, of_pieces(rasters.metadata, self.shape)
        self.beside = replace(rasters.beside, rows=self._owners, num_rasters=len(rasters))

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self._kept)

    def read(self, indices: Indices) -> Samples:
        """Return patches [n, c, *space]."""
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"samples 0 to {len(self) - 1} wanted, got {indices.min()} to {indices.max()}")
        return read_patches_of(self._rasters, *self.places_of(indices), self._grid.size)

    @property
    def rasters(self) -> Source:
        """What patches are cut from."""
        return self._rasters

    @property
    def strides(self) -> tuple[int, ...]:
        """Distance of the beginnings of neighbouring patches along each axis of space."""
        return self._strides

    def places_of(self, indices: Indices) -> tuple[Indices, NDArray[np.int64]]:
        """Return the number of the raster of each patch, and its first place along each axis of space [n, axes]."""
        owners, numbers = np.divmod(self._kept[indices], len(self._grid))
        return owners, self._grid.firsts_of(numbers)

    def columns_of(self, indices: Indices) -> dict[str, list[Any]]:
        """Return the raster of patches, and their first place along each axis of space."""
        (owners, firsts), names = self.places_of(indices), self._rasters.names
        axes = AXES[-len(self._grid.size) :]
        found: dict[str, list[Any]] = {RASTER: [owner if names is None else names[owner] for owner in owners.tolist()]}
        return found | {axis: firsts[:, place].tolist() for place, axis in enumerate(axes)}

    def _complete(self) -> Indices:
        """Number the patches that are read, raster by raster.

        Raises:
            DataError: none.
        """
        every = np.arange(len(self._grid))
        kept = np.concatenate([self._complete_of(owner, every) for owner in range(len(self._rasters))])
        if not len(kept):
            raise DataError(
                f"{SIZE}: a patch of which no value is missing wanted, got none among "
                f"{len(every) * len(self._rasters):,}; set data.patch_size lower"
            )
        return kept

    def _complete_of(self, owner: int, every: Indices) -> Indices:
        pieces: Iterator[Indices] = blocks(every, self.sample_bytes)
        found = [
            piece[self._rasters.are_complete(owner, self._grid.firsts_of(piece), self._grid.size)] for piece in pieces
        ]
        return owner * len(every) + np.concatenate(found)

    def _named(self, indices: Indices) -> list[str]:
        """Name patches by their raster and place: a.tif[0:64,128:192]."""
        owners, numbers = np.divmod(self._kept[indices], len(self._grid))
        size = self._grid.size
        places = (
            ",".join(f"{first}:{first + length}" for first, length in zip(firsts, size, strict=True))
            for firsts in self._grid.firsts_of(numbers).tolist()
        )
        return [f"{self._titles[owner]}[{place}]" for owner, place in zip(owners.tolist(), places, strict=True)]

    def _wholes(self, numbers: Indices) -> Wholes:
        """Say which patches belong together: those of a raster, or of a block of the only one."""
        way_out = "set data.held_out=0, or a smaller data.patch_size"
        cut = self._rasters.wholes
        if cut is not None and len(cut.names) >= FEWEST:  # rasters are windows of recordings, which may overlap
            return replace(cut, of=cut.of[self._owners], may_be_divided=False)
        if not self._is_lone:
            return Wholes(self._owners, tuple(self._titles), SIZE, way_out)
        of_patches = self._grid.blocks_of(numbers)
        distinct, of = np.unique(of_patches, axis=0, return_inverse=True)
        names = tuple(f"block {','.join(map(str, block))}" for block in distinct.tolist())
        return Wholes(of.reshape(-1), names, SIZE, way_out)

    def _left_out(self) -> tuple[str, ...]:
        """Say what is not read, a line each."""
        grid, total = self._grid, len(self._grid) * len(self._rasters)
        share = 1 - grid.num_covered / np.prod(grid.space, dtype=float)
        missing, divided = total - len(self._kept), grid.num_divided
        lines = (
            f"{share:.1%} of the places are in no patch and not read; data.patch_stride chooses patches"
            if share
            else "",
            f"{divided:,} of {total + divided:,} patches are left out, as they would lie in two blocks"
            if divided
            else "",
            f"{missing:,} of {total:,} patches are not read, since values are missing" if missing else "",
        )
        return tuple(filter(None, lines))


def _refuse(space: tuple[int, ...], size: Sizes, stride: Sizes) -> None:
    """Refuse sizes that do not fit into rasters, and strides for other axes."""
    sizes = along_axes(size, space)
    if not space:
        raise SettingsError(
            f"{SIZE}: samples with an axis of space wanted, got points, which have none; set data.patch_size=0 to take "
            "them as they are"
        )
    if len(sizes) != len(space):
        raise SettingsError(
            f"{SIZE}: one size, or one along each axis of samples of "
            f"{' x '.join(map(str, space))} wanted, got {sizes_in_words(size)}; set data.patch_size to "
            f"{sizes_in_words(_for_axes(sizes, space))}"
        )
    if not are_within(size, space):
        raise SettingsError(
            f"{SIZE}: at most {sizes_in_words(space)} wanted, that of a sample, got {sizes_in_words(size)}; set "
            f"data.patch_size to a smaller size, or to 0 for none"
        )
    if stride and len(along_axes(stride, space)) != len(space):
        raise SettingsError(
            f"{STRIDE}: a distance along each of {len(space)} axes wanted, got {sizes_in_words(stride)}; "
            f"set data.patch_stride to one number, or to one for each"
        )


def _for_axes(sizes: tuple[int, ...], space: tuple[int, ...]) -> tuple[int, ...]:
    """Return as many of some sizes as there are axes, the first once more where they are too few, none too large."""
    return tuple(min(along) for along in zip(((sizes[0],) * len(space) + sizes)[-len(space) :], space, strict=True))
