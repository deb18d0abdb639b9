"""What data hold of each sample besides its values: columns of a table, arrays of a file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import counted
from idm.data.label_names import as_text
from idm.data.remarks import listed

GROUP_BY = "group_by"
"""The setting that names what a split must not divide."""


def _nothing(name: str) -> NoReturn:
    raise AssertionError(f"there is no {name} to be read")


@dataclass(frozen=True)
class Beside:
    """Columns or arrays of one entry per sample, read only when they are asked for.

    Attributes:
        names: what they are called.
        load: reads the one of a name, [n, ...], of numbers or text.
        rows: which of n rasters each sample was cut from, whose entry is its own; None: entries are those of samples.
        num_rasters: n, where samples were cut from rasters.
        identifying: the setting that alone may read them, where they tell who is shown; "": all may.
    """

    names: tuple[str, ...] = ()
    load: Callable[[str], NDArray[Any]] = _nothing
    rows: NDArray[np.int64] | None = None
    num_rasters: int = 0
    identifying: str = ""

    def of_rows(self, rows: NDArray[np.int64] | None, count: int) -> "Beside":
        """Return that of some of ``count`` samples, None: all; what has no entry for each of these comes as it is."""
        if rows is None or not self.names:
            return self

        def load(name: str) -> NDArray[Any]:
            found = self.load(name)
            return found[rows] if found.shape[:1] == (count,) else found

        return replace(self, load=load)

    def read(self, option: str, name: str, count: int) -> NDArray[Any]:
        """Read the column or array of a name, [count] or [count, k].

        Args:
            option: the setting that names it, for messages.
            name: its name.
            count: number of samples.

        Raises:
            DataError: none of that name, not one entry per sample, or an identifier that this setting may not read.
        """
        if not self.names:
            raise DataError(f"{option}: data with columns or further arrays wanted, got '{name}' of data without any")
        if name not in self.names:
            raise DataError(f"{option}: one of {listed(self.names)} wanted, got '{name}'; name one of them")
        if self.identifying not in ("", option):
            raise DataError(
                f"{option}: what is no identifier wanted, got '{name}', which no checkpoint is to keep; leave it out "
                f"(data.{self.identifying}={name} keeps what belongs together on one side of the split)"
            )
        found = as_text(f"{option}: {name}", self.load(name))
        wanted = count if self.rows is None else self.num_rasters
        if found.shape[:1] != (wanted,) or found.ndim > 2:
            each = (
                f"{count:,} samples" if self.rows is None else f"{counted(wanted, 'raster')} that patches are cut from"
            )
            raise DataError(
                f"{option}: an entry for each of {each} wanted, got '{name}' of shape {found.shape}; name another"
            )
        return found if self.rows is None else found[self.rows]


NOTHING_BESIDE = Beside()
"""That of data which have no columns or further arrays."""


def some_rows(values: NDArray[Any], rows: "range | list[int] | tuple[int, ...] | NDArray[np.int64]") -> NDArray[Any]:
    """Return the entries of those numbers."""
    return values[np.asarray(rows, dtype=np.int64)]
