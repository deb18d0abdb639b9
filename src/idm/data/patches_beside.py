"""Patches of conditions: of each patch of samples, the same place in a raster beside theirs, which may be coarser."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import counted
from idm.data.base import Indices, Samples, Source
from idm.data.patch_bands import read_patches_of
from idm.data.patches import SIZE, STRIDE, Patches
from idm.data.sizes import sizes_in_words


@final
class PatchesBeside(Source):
    """The places of a source's patches in other rasters, along each axis smaller by a whole factor; in their order.

    A patch of 64 places that begins at 128 is, in rasters of a quarter of the places, that of 16 which begins at 32.
    """

    def __init__(self, samples: Patches, rasters: Source, rows: Indices) -> None:
        """Find the places.

        Args:
            samples: the patches.
            rasters: the others; told that they are read in patches, see ``in_patches`` of sources.
            rows: number of the other raster that lies beside each one the patches are cut from.

        Raises:
            DataError: rasters whose places are not a whole number of those of samples, or patches that begin or end
                within one of theirs; values that are missing in them.
        """
        self._samples, self._rasters, self._rows = samples, rasters, rows
        self._factor = _factor(samples.rasters.shape, rasters.shape)
        _refuse_divided(samples, self._factor)
        self._size = tuple(np.floor_divide(samples.shape[1:], self._factor).tolist())
        self.shape, self.dtype, self.levels = (rasters.shape[0], *self._size), rasters.dtype, rasters.levels
        self.labels = self.class_names = None
        self.layout, self.channel_names = rasters.layout, rasters.channel_names
        self.sampling_rate, self.remarks = rasters.sampling_rate, rasters.remarks
        self.names = samples.names
        self.note = (
            f"patches of {' x '.join(map(str, self._size))} of {counted(len(rasters), 'raster')}, {rasters.note}"
        )
        self._refuse_missing()

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self._samples)

    def read(self, indices: Indices) -> Samples:
        """Return patches [n, c, *space]."""
        return read_patches_of(self._rasters, *self._places_of(indices), self._size)

    def columns_of(self, indices: Indices) -> dict[str, list[Any]]:
        """Return what tables say of the patches beside."""
        return self._samples.columns_of(indices)

    def _places_of(self, indices: Indices) -> tuple[Indices, NDArray[np.int64]]:
        """Return the raster of each patch, and its first place there along each axis [n, axes]."""
        owners, firsts = self._samples.places_of(indices)
        return self._rows[owners], firsts // np.array(self._factor)

    def _refuse_missing(self) -> None:
        """Refuse patches that would be left out if they were samples: these would be without a condition."""
        owners, firsts = self._places_of(np.arange(len(self)))
        missing = 0
        for owner in np.unique(owners).tolist():
            missing += int((~self._rasters.are_complete(owner, firsts[owners == owner], self._size)).sum())
        if missing:
            raise DataError(
                f"condition: a value in every place beside patches wanted, got {missing:,} of {len(self):,} patches "
                "that miss some; set data.condition.missing=fill"
            )


def _factor(samples: tuple[int, ...], conditions: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many places of samples one of conditions is, along each axis of shapes [c, *space].

    Raises:
        DataError: no whole number, or another number of axes.
    """
    whole = len(samples) == len(conditions) and all(
        0 < theirs <= ours and ours % theirs == 0 for ours, theirs in zip(samples[1:], conditions[1:], strict=True)
    )
    if not whole:
        raise DataError(
            f"condition: beside patches, rasters of the size of those of samples, {samples[1:]}, or smaller by a "
            f"whole factor along each axis wanted, got {conditions[1:]}; crop or resize them"
        )
    return tuple(np.floor_divide(samples[1:], conditions[1:]).tolist())


def _refuse_divided(samples: Patches, factor: tuple[int, ...]) -> None:
    for option, told in ((SIZE, samples.shape[1:]), (STRIDE, samples.strides)):
        if any(length % places for length, places in zip(told, factor, strict=True)):
            raise DataError(
                f"{option}: multiples of {sizes_in_words(factor)} wanted, as so many places are one of the condition, "
                f"got {sizes_in_words(told)}; set data.{option} to such"
            )
