"""Scores of single samples as a table, with the names and numbers that the samples have in their source."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.run import Data, Run
from idm.run.saving import results_folder

SCORES = "scores.csv"
SET, INDEX, NAME = "set", "index", "name"
"""Columns: the data set, where there are several; the number of a sample in its source, and its name, where samples
have names; then those of the source."""

Columns = dict[str, list[Any]]
"""Entries by name of column."""


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
    parent = results_folder(named.parent, run, "", setting="scores", file=named.name)
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
    return _write(folder / name, [_columns(data, columns)])


def write_scores_of_sets(
    folder: Path, sets: Sequence[tuple[str, Data, Mapping[str, Tensor]]], name: str = SCORES
) -> Path:
    """Write the rows of several data sets one after the other, with the set of each in the first column.

    Args:
        folder: where the table goes.
        sets: what each set is called, what was scored of it, and its scores [n] by name.
        name: of the file.
    """
    tables: list[Columns] = []
    for called, data, scores in sets:
        columns = _columns(data, scores)
        tables.append({SET: [called] * len(columns[INDEX])} | columns)
    return _write(folder / name, tables)


def _columns(data: Data, scores: Mapping[str, Tensor]) -> Columns:
    """Return what is known of the first held-out samples, then their scores, by name."""
    first = np.arange(len(next(iter(scores.values()))))
    numbers, names = data.held_out.sources_of(first)
    known: Columns = {INDEX: numbers} | ({} if names is None else {NAME: names})
    told = data.held_out.columns_of(first)
    known |= {name: column for name, column in told.items() if name not in (SET, *known)}
    return known | {key: column.double().cpu().tolist() for key, column in scores.items()}


def _write(place: Path, tables: Sequence[Columns]) -> Path:
    """Write tables below each other; columns that one of them lacks are empty there."""
    names = list(dict.fromkeys(name for table in tables for name in table))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for table in tables:
        empty = [""] * len(table[INDEX])
        writer.writerows(zip(*(table.get(name, empty) for name in names), strict=True))
    # Names of files may hold what is no text.
    return write_atomically(place, text.getvalue().encode("utf-8", "backslashreplace"), durable=True)
