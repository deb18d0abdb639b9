"""Parquet: a sample a row, as nested lists of numbers."""

import io
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra
from idm.data.writers.base import Form, ToWrite, Writer, wider

DATA, LABEL, SEED = "data", "label", "seed"
"""Columns."""


@final
class ParquetWriter(Writer):
    """One file of all samples as lists of fixed lengths, with class and seed (needs pyarrow).

    Axes are in the order of the data. Points whose coordinates have names have a column for each.
    """

    place, pattern, package = "samples.parquet", r"samples\.parquet", ("pyarrow", "parquet")

    def wanted(self, form: Form) -> str:
        """Accept everything."""
        return ""

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".parquet"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the one file."""
        pyarrow = import_extra("pyarrow", "parquet", "formats")
        parquet = import_extra("pyarrow.parquet", "parquet", "formats")
        values, names = wider(samples.arranged, {"float16": "float32"}), samples.form.channel_names
        if values.ndim == 2 and names is not None:
            columns = {name: pyarrow.array(values[:, place]) for place, name in enumerate(names)}
        else:
            columns = {samples.form.data_name or DATA: _nested(pyarrow, values)}
        for name, cells in ((samples.form.label_name or LABEL, samples.classes), (SEED, samples.seeds)):
            if cells and name not in columns:
                columns[name] = pyarrow.array(list(cells))
        stream = io.BytesIO()
        parquet.write_table(pyarrow.table(columns), stream)
        yield self.place, stream.getvalue()


def _nested(pyarrow: Any, values: NDArray[Any]) -> Any:
    """Return an array [n, ...] as one of lists in lists."""
    found = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
    for size in reversed(values.shape[1:]):
        found = pyarrow.FixedSizeListArray.from_arrays(found, size)
    return found
