"""Scores of single samples as a table, with the names and numbers that the samples have in their source."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.run import Data, Run
from idm.run.saving import results_folder

SCORES = "scores.csv"
INDEX, NAME = "index", "name"
"""Columns: the number of a sample in its source, and its name, where samples have names."""


def place_of_scores(path: str | Path | None, run: Run, folder: Path) -> Path:
    """Return where the table goes: ``scores.csv`` in a folder for results, or the file that is named.

    Raises:
        SettingsError: another suffix, something else than a file of that name, or a folder of the run's data.
    """
    if path is None:
        return folder / SCORES
    named = Path(path)
    if named.suffix != ".csv" or (named.exists() and not named.is_file()):
        raise SettingsError(f"scores={path}: a file name ending in .csv wanted, of a file or of nothing yet")
    parent = results_folder(named.parent, run, "")
    return folder / named.name if parent.resolve() == folder.resolve() else named


def write_scores(folder: Path, data: Data, columns: Mapping[str, Tensor], name: str = SCORES) -> Path:
    """Write a row for each of the first held-out samples, in the order in which they are scored.

    Numbers have as many digits as tell them apart from all others.

    Args:
        folder: where the table goes.
        data: what was scored.
        columns: scores [n] by name.
        name: of the file.
    """
    count = len(next(iter(columns.values())))
    numbers, names = data.held_out.sources_of(np.arange(count))
    first = {INDEX: numbers} if names is None else {INDEX: numbers, NAME: names}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*first, *columns])
    values = [column.double().cpu().tolist() for column in columns.values()]
    writer.writerows(zip(*first.values(), *values, strict=True))
    # Names of files may hold what is no text.
    return write_atomically(folder / name, text.getvalue().encode("utf-8", "backslashreplace"), durable=True)
