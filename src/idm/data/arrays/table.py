"""Lists of numbers in a column of a table, as an array."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices
from idm.data.reading.damage import reading


class TableArrays(ArraySource):
    """Lists of numbers in a column, all of one shape."""

    def __init__(
        self,
        where: Path,
        cells: Any,
        labels: NDArray[Any] | None,
        class_names: tuple[str, ...] | None,
        channels: ChannelRule,
        spatial_dims: int | None,
    ) -> None:
        """Unpack the nested lists and look at all values.

        Raises:
            DataError: lists of different length, or no numbers.
        """
        with reading(where, "a table", "write it anew"):
            self._values = _unpacked(where, cells)
        self._adopt(where, self._values.shape, self._values.dtype, labels, channels=channels, spatial_dims=spatial_dims)
        if class_names is not None and labels is not None:
            self.labels, self.class_names = labels, class_names

    def _rows(self, indices: Indices) -> NDArray[Any]:
        return self._values[indices]


def _unpacked(where: Path, cells: Any) -> NDArray[Any]:
    """Unpack nested lists of one shape.

    Raises:
        DataError: lists of different length, or no numbers.
    """
    shape, values = [len(cells)], cells
    while "list" in str(values.type).partition("<")[0]:
        inner = values.flatten()
        length = len(inner) // max(len(values), 1)
        if values.null_count or set(values.value_lengths().to_pylist() if _varies(values) else [length]) != {length}:
            raise DataError(f"{where}: lists of one length wanted, got several; bring all samples to one shape")
        shape.append(length)
        values = inner
    if values.null_count or not _is_number(str(values.type)):
        raise DataError(
            f"{where}: encoded images or lists of numbers wanted, got {values.type}; choose a "
            "column with data.source.column"
        )
    return np.asarray(values).reshape(shape)


def _varies(values: Any) -> bool:
    return not str(values.type).startswith("fixed_size_list")


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "double", "halffloat", "bool"))
