"""Samples of measurements, some of whose values may be missing, and what becomes of these."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.passes import passed
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.source import ArraySource, dtype_of_values
from idm.data.base import BLOCK_BYTES, Indices, blocks
from idm.data.cutting import Window, windows_at
from idm.data.values.words import percent

MissingRule = Literal["refuse", "fill", "skip"]


@dataclass(frozen=True)
class Missing:
    """What becomes of missing values.

    Attributes:
        rule: "refuse" them, "fill" them, or "skip" the samples that miss some.
        fill: what stands for them where they are filled.
        may_be: whether there may be any.
        in_patches: whether samples are cut into patches, of which those that miss some are skipped then.
    """

    rule: MissingRule
    fill: float
    may_be: bool
    in_patches: bool = False

    @property
    def is_filled(self) -> bool:
        """Whether a number is put in their place."""
        return self.rule == "fill" or (self.rule == "skip" and self.in_patches)

    @property
    def is_skipped(self) -> bool:
        """Whether samples that miss some, or patches of them, are left out."""
        return self.rule == "skip" and self.may_be


class MeasuredSource(ArraySource):
    """Samples along the first axis of one array, of which values may be missing.

    They are refused; or filled with a number; or samples that miss some are left out.
    """

    @abstractmethod
    def _measured(self, indices: Indices) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return entries of those numbers of the first axis, of all that are stored, and where values are missing."""

    def read_with_gaps(self, indices: Indices) -> NDArray[np.float64]:
        """Return samples [n, c, *space] with NaN where values are missing, whatever becomes of these elsewhere."""
        values, missing = self._measured(self._stored_numbers(indices))
        wide = values.astype(np.promote_types(values.dtype, np.float64))
        gap = complex(np.nan, np.nan) if wide.dtype.kind == "c" else np.nan
        return np.ascontiguousarray(self._in_order(np.where(missing, gap, wide)))

    def _measured_windows(self, index: int, keys: Sequence[Window]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Go through windows of a stored entry, and where values are missing; arguments as of ``_stored_windows``."""
        values, missing = self._measured(np.array([index]))
        return ((values[0][key], missing[0][key]) for key in keys)

    def _adopt_measured(
        self,
        where: object,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        labels: NDArray[Any] | None,
        missing: Missing,
        *,
        channels: ChannelRule,
        spatial_dims: int | None = None,
    ) -> None:
        """Leave out what is to be left out, then decide which axis is which and look at all values, see ``_adopt``.

        Args:
            where: what messages call the array.
            shape: shape of the stored array.
            dtype: dtype of its values.
            labels: one integer or string per stored sample; None where there are none.
            missing: what becomes of missing values.
            channels: where the channel axis is.
            spatial_dims: number of spatial axes; told by the sizes if not given.

        Raises:
            DataError: as ``_adopt``; missing values that are refused; no sample without, or a number that does not fit.
        """
        dtype_of_values(where, shape, dtype)
        self._missing, self._num_stored, self._kept = missing, shape[0], None
        if missing.rule == "fill":
            _refuse_fill(missing.fill, dtype)
        self._fill = dtype.type(missing.fill if missing.rule == "fill" else 0)
        if missing.is_skipped and not missing.in_patches:
            self._kept = self._complete(where, shape, dtype)
        count = shape[0] if self._kept is None else len(self._kept)
        known = None if labels is None else self._of_kept(labels)
        self._adopt(where, (count, *shape[1:]), dtype, known, channels=channels, spatial_dims=spatial_dims)

    def _stored_numbers(self, indices: Indices) -> Indices:
        """Return the numbers that samples have among all that are stored."""
        return indices if self._kept is None else self._kept[indices]

    def _stored_number(self, index: int) -> int:
        """Return the number that a sample has among all that are stored."""
        return index if self._kept is None else int(self._kept[index])

    def _of_kept(self, entries: NDArray[Any]) -> NDArray[Any]:
        """Return the entries of the samples that are read, given one of each that is stored."""
        return entries if self._kept is None else entries[self._kept]

    @property
    def _about_missing(self) -> tuple[str, ...]:
        """Say how many samples are left out, or that a number stands for missing values that no other is near."""
        number = self._num_stored - len(self)
        if number:
            return (f"{number:,} of {self._num_stored:,} samples are not read, since values are missing",)
        return self._about_fill() if self._missing.rule == "fill" and self._missing.may_be else ()

    def _measured_pieces(self, indices: Indices) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Go through the values of some stored samples in pieces of bounded memory, and where some are missing."""
        if self.sample_bytes <= BLOCK_BYTES:
            return iter([self._measured(indices)])
        keys = [self._layout.key(window) for window in self._slabs()]
        return chain.from_iterable(self._measured_windows(index, keys) for index in indices.tolist())

    def _about_fill(self) -> tuple[str, ...]:
        """Say which share of the values is filled, where what fills them lies outside of the others."""
        missed, found, low, high = 0, 0, math.inf, -math.inf
        pieces = passed(blocks(np.arange(len(self)), self.sample_bytes), len(self), "looking for gaps")
        stored = map(self._stored_numbers, pieces)
        for values, missing in chain.from_iterable(map(self._measured_pieces, stored)):
            present = values[~missing]
            present = np.stack([np.real(present), np.imag(present)]) if np.iscomplexobj(present) else present
            missed, found = missed + int(missing.sum()), found + present.size
            if present.size:
                low, high = min(low, present.min().item()), max(high, present.max().item())
        fill = self._fill.real.item()
        if not missed or not found or low <= fill <= high:
            return ()
        return (
            f"{percent(missed / (missed + found))} of the values are missing, filled with {fill:g}, which lies outside "
            f"of the data ({low:g} to {high:g}); data.source.fill chooses another number",
        )

    def _complete(self, where: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Indices | None:
        """Return the numbers of the samples that miss nothing; None: all."""
        pieces = passed(blocks(np.arange(shape[0]), _bytes(shape, dtype)), shape[0], "looking for gaps")
        found = [indices[~self._miss_any(indices)] for indices in pieces]
        kept = np.concatenate(found)
        if not len(kept):
            raise DataError(
                f"{where}: a sample of which no value is missing wanted, got none among {shape[0]:,}; set "
                "data.source.missing=fill to put the number data.source.fill in their place"
            )
        return None if len(kept) == shape[0] else kept

    def _miss_any(self, indices: Indices) -> NDArray[np.bool_]:
        return np.asarray(self._measured(indices)[1].reshape(len(indices), -1).any(axis=1))

    def _rows(self, indices: Indices) -> NDArray[Any]:
        return self._filled(*self._measured(self._stored_numbers(indices)))

    def _stored_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        return (self._filled(*found) for found in self._measured_windows(self._stored_number(index), keys))

    def _filled(self, values: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
        if self._missing.is_filled and missing.any():
            return np.where(missing, self._fill, values)
        return values

    def are_complete(self, index: int, firsts: NDArray[np.int64], size: tuple[int, ...]) -> NDArray[np.bool_]:
        """Say of each window of a sample whether no value is missing that makes it be skipped, [k]."""
        if not self._missing.is_skipped:
            return super().are_complete(index, firsts, size)
        keys = [self._layout.key(window) for window in windows_at(firsts, size)]
        found = self._measured_windows(self._stored_number(index), keys)
        return np.array([not missing.any() for _, missing in found])

    def _refuse_non_finite(self, where: object) -> None:
        if self._missing.rule == "refuse" and self._missing.may_be:
            for indices in passed(blocks(np.arange(len(self)), self.sample_bytes), len(self), "looking for gaps"):
                missing = self._shares_missing(indices)
                if missing.any():
                    row = int(np.argmax(missing > 0))
                    raise DataError(self._about_gap(where, missing[row], int(indices[row])))
        super()._refuse_non_finite(where)

    def _about_gap(self, where: object, share: float, index: int) -> str:
        """Say that a share of the values of a sample is missing, and what to do."""
        return (
            f"{where}: all values wanted, got {share:.1%} missing in sample {index}; set data.source.missing=skip to "
            "leave such samples out, or fill to put the number data.source.fill in their place"
        )

    def _shares_missing(self, indices: Indices) -> NDArray[np.float64]:
        """Return the share of missing values of each of some stored samples, none of which is left out."""
        if self.sample_bytes <= BLOCK_BYTES:
            return self._measured(indices)[1].reshape(len(indices), -1).mean(axis=1)
        keys = [self._layout.key(window) for window in self._slabs()]
        counts = [
            sum(missing.sum() for _, missing in self._measured_windows(index, keys)) for index in indices.tolist()
        ]
        return np.array(counts) / math.prod(self._stored[1:])


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return max(1, int(np.prod(shape[1:], dtype=object))) * dtype.itemsize


def _refuse_fill(fill: float, dtype: np.dtype[Any]) -> None:
    fill, limits = float(fill), np.iinfo(dtype) if dtype.kind in "iu" else None
    fits = math.isfinite(fill) and (limits is None or (fill.is_integer() and limits.min <= fill <= limits.max))
    if not fits:
        wanted = "a finite number" if limits is None else f"a whole number from {limits.min} to {limits.max}"
        raise DataError(f"fill: {wanted} wanted for values of {dtype.name}, got {fill:g}; set data.source.fill to one")
