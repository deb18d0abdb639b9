"""The variables of a file that are read: those that were asked for, and what was found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.variables import Variable
from idm.data.label_names import as_text


@dataclass(frozen=True)
class Wanted:
    """What is to be read of a file.

    Attributes:
        variables: names of variables; None: all of the largest kind, see ``_largest_kind``.
        sample_axes: axes that number samples; None: the one that grows, or time and the like, or the first.
        channel_axes: axes whose places are channels.
        label_variable: name of the labels, or "none"; None: the one whose name tells it.
    """

    variables: tuple[str, ...] | None = None
    sample_axes: tuple[str, ...] | None = None
    channel_axes: tuple[str, ...] = ()
    label_variable: str | None = None


@dataclass(frozen=True, eq=False)
class Chosen:
    """What is read of one file.

    Attributes:
        variables: the variables, which are channels.
        sample_axes: axes that number samples, the last one fastest.
        channel_axes: axes whose places are channels of their own.
        space: the other axes.
        labels: the variable of labels; None without one.
        remarks: what is worth knowing of the other variables, a line each.
    """

    variables: tuple[Variable, ...]
    sample_axes: tuple[str, ...]
    channel_axes: tuple[str, ...]
    space: tuple[str, ...]
    labels: Variable | None
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write it: "u [m/s], v: samples along time, space lat, lon"."""
        what = ", ".join(map(_described, self.variables[:5]))
        space = f", space {', '.join(self.space)}" if self.space else ""
        return f"{what}: samples along {', '.join(self.sample_axes)}{space}"

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
        """Read the labels; text may lie in single characters along a further axis."""
        if self.labels is None:
            return None
        stored = self.labels.read_all()
        if stored.dtype.kind == "S" and stored.ndim == 2:
            stored = np.ascontiguousarray(stored).view(f"S{stored.shape[1]}")[:, 0]
        found = self.labels.packing.values(stored) if stored.dtype.kind in "iu" else as_text(where, stored)
        if found.dtype.kind == "f":
            raise DataError(
                f"{where}: whole numbers or words wanted as labels, got those of {self.labels.name}, whose scale makes "
                "fractions of them; set data.source.label_variable to another, or to none"
            )
        return found.reshape(-1)  # over several axes of samples, the last one fastest


def _described(variable: Variable) -> str:
    units = variable.attributes.get("units", "")
    text = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
    return f"{variable.name} [{text}]" if text else variable.name
