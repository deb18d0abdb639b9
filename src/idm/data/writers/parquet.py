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

    Axes are in the order of the data.
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
        columns = {DATA: _nested(pyarrow, wider(samples.arranged, {"float16": "float32"}))}
        for name, values in ((LABEL, samples.classes), (SEED, samples.seeds)):
            if values:
                columns[name] = pyarrow.array(list(values))
        stream = io.BytesIO()
        parquet.write_table(pyarrow.table(columns), stream)
        yield self.place, stream.getvalue()


def _nested(pyarrow: Any, values: NDArray[Any]) -> Any:
    """Return an array [n, ...] as one of lists in lists."""
    found = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
    for size in reversed(values.shape[1:]):
        found = pyarrow.FixedSizeListArray.from_arrays(found, size)
    return found
