"""The variables of a file that are read: those that were asked for, and what was found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.variables import Variable
from idm.data.label_names import as_text
from idm.data.remarks import listed


@dataclass(frozen=True)
class Wanted:
    """What is to be read of a file.

    Attributes:
        variables: names of variables; None: all of the largest kind, see ``_largest_kind``.
        sample_axes: axes that number samples, or none of them: all is one sample; None: the one that grows, or time and
            the like, or the first.
        channel_axes: axes whose places are channels.
        label_variable: name of the labels, or "none"; None: the one whose name tells it.
        apart: names of variables that are neither channels nor labels unless they are named so.
    """

    variables: tuple[str, ...] | None = None
    sample_axes: tuple[str, ...] | None = None
    channel_axes: tuple[str, ...] = ()
    label_variable: str | None = None
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Chosen:
    """What is read of one file.

    Attributes:
        variables: the variables, which are channels.
        sample_axes: axes that number samples, the last one fastest.
        channel_axes: axes whose places are channels of their own.
        space: the other axes.
        labels: the variable of labels; None without one.
        beside: variables along some of the axes of samples, by name.
        remarks: what is worth knowing of the other variables, a line each.
    """

    variables: tuple[Variable, ...]
    sample_axes: tuple[str, ...]
    channel_axes: tuple[str, ...]
    space: tuple[str, ...]
    labels: Variable | None
    beside: Mapping[str, Variable]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write it: "u [m/s], v: samples along time, space lat, lon"."""
        what = ", ".join(map(_described, self.variables[:5]))
        space = f", space {', '.join(self.space)}" if self.space else ""
        samples = f"samples along {', '.join(self.sample_axes)}" if self.sample_axes else "one sample"
        return f"{what}: {samples}{space}"

    def sizes(self, axes: Sequence[str]) -> tuple[int, ...]:
        """Return the sizes of axes."""
        first = self.variables[0]
        return tuple(first.shape[first.axes.index(axis)] for axis in axes)

    @property
    def num_samples(self) -> int:
        """Number of samples."""
        return math.prod(self.sizes(self.sample_axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample, (c, *space)."""
        return (len(self.variables) * math.prod(self.sizes(self.channel_axes)), *self.sizes(self.space))

    def read_labels(self, where: Path) -> NDArray[Any] | None:
        """Read the labels; text may lie in single characters along a further axis.

        Raises:
            DataError: missing ones, or fractions.
        """
        if self.labels is None:
            return None
        stored = self.labels.read_all()
        if stored.dtype.kind in "iu" and (missing := self.labels.packing.missing(stored)).any():
            raise DataError(
                f"{where}: a label for every sample wanted, got none in {self.labels.name} for {missing.sum():,} of "
                f"{missing.size:,}; fill them in, or set data.source.label_variable to another, or to none"
            )
        found = self._of_samples(where, self.labels, stored)
        if found.dtype.kind == "f":
            raise DataError(
                f"{where}: whole numbers or words wanted as labels, got those of {self.labels.name}, whose scale makes "
                "fractions of them; set data.source.label_variable to another, or to none"
            )
        return found

    def read_beside(self, where: Path, name: str) -> NDArray[Any]:
        """Read what a variable says of each sample; numbers that are missing are NaN.

        Raises:
            DataError: there is none of that name.
        """
        if name not in self.beside:
            raise DataError(
                f"{where}: a variable '{name}' along {', '.join(self.sample_axes)} wanted as in other files, got "
                f"{listed(sorted(self.beside)) or 'none'}; name another"
            )
        variable = self.beside[name]
        stored = variable.read_all()
        found = self._of_samples(where, variable, stored)
        if stored.dtype.kind not in "iuf" or not (missing := variable.packing.missing(stored)).any():
            return found
        return np.where(self._repeated(variable, missing), np.nan, found)

    def _of_samples(self, where: Path, variable: Variable, stored: NDArray[Any]) -> NDArray[Any]:
        """Return what stored entries stand for, one for each sample."""
        if stored.dtype.kind == "S" and stored.ndim and variable.axes[-1] not in self.sample_axes:
            stored = np.ascontiguousarray(stored).view(f"S{stored.itemsize * stored.shape[-1]}")[..., 0]
        is_number = stored.dtype.kind in "iuf"
        return self._repeated(variable, variable.packing.values(stored) if is_number else as_text(where, stored))

    def _repeated(self, variable: Variable, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat values along the axes of samples that a variable lacks, the last one fastest."""
        axes = [axis for axis in variable.axes if axis in self.sample_axes]
        ordered = values.transpose([axes.index(axis) for axis in self.sample_axes if axis in axes])
        sizes = self.sizes(self.sample_axes)
        wide = [size if axis in axes else 1 for axis, size in zip(self.sample_axes, sizes, strict=True)]
        return np.broadcast_to(ordered.reshape(wide), sizes).reshape(-1)


def _described(variable: Variable) -> str:
    units = variable.attributes.get("units", "")
    text = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
    return f"{variable.name} [{text}]" if text else variable.name
