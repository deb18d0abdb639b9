"""CSV: a point a row, with the names of its columns."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, final

from idm.data.writers.base import Form, ToWrite, Writer

LABEL, SEED = "label", "seed"
"""Columns beside the coordinates."""


@final
class CsvWriter(Writer):
    """One CSV file of points: a column for each coordinate, then class and seed, where there are such."""

    place, pattern = "samples.csv", r"samples\.csv"

    def wanted(self, form: Form) -> str:
        """Want points."""
        return "" if len(form.shape) == 1 else "points"

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".csv"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the one file."""
        count = len(samples.data[0])
        names = list(samples.form.channel_names or (f"column{place}" for place in range(1, count + 1)))
        columns: list[Sequence[Any]] = []
        for name, column in ((samples.form.label_name or LABEL, samples.classes), (SEED, samples.seeds)):
            if column and name not in names:
                names.append(name)
                columns.append(column)
        rows = ([*values, *(column[row] for column in columns)] for row, values in enumerate(samples.data.tolist()))
        yield self.place, table_bytes(rows, names)


def table_bytes(rows: Any, names: Sequence[str] | None, delimiter: str = ",") -> bytes:
    """Return rows of cells as such a file, below the names of the columns if they have any."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if names is not None:
        writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue().encode(errors="replace")  # names may hold halves of characters
