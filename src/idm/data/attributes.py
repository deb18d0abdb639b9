"""Numbers that samples are labelled with, such as an age or a pose, brought to one scale by those to train on."""

import hashlib
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.cells import MISSING
from idm.data.base import Indices, Source

OPTION = "attributes"
"""The setting that names the columns or arrays."""

NUM_EXAMPLES = 64
"""Labels of training samples that are remembered, and drawn from in turn where nobody asks for others."""

MOST_NUMBERS = 4_096
"""Most numbers of one label."""

LARGEST_NUMBER = 1e30
"""Largest number of a label, either way; larger ones are refused."""

SMALLEST = np.finfo(np.float64).tiny
"""Deviations below are held with few digits, and nothing can be divided by the smallest of them."""

Row = tuple[float, ...]


@dataclass(frozen=True)
class Attributes:
    """The numbers that a label is made of, and their scale.

    Attributes:
        names: name of each: that of the column, or of the array with the place in it, such as "pose[2]".
        mean: mean of each over the training samples that have it.
        std: its standard deviation, not zero.
        examples: labels of some training samples; NaN where one is missing.
        digest: hash of the labels of all samples, which tells them from others.
    """

    names: tuple[str, ...]
    mean: Row
    std: Row
    examples: tuple[Row, ...] = field(compare=False)  # the digest is of all, and NaN is no NaN
    digest: str = ""

    def standardize(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Bring labels [n, k] to mean 0 and deviation 1; what is missing stays NaN."""
        return ((values - np.array(self.mean)) / np.array(self.std)).astype(np.float32)

    def restore(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Undo ``standardize``."""
        return values.astype(np.float64) * np.array(self.std) + np.array(self.mean)

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values; what is missing is None."""
        plain = asdict(self)
        plain["examples"] = [[None if np.isnan(value) else value for value in row] for row in self.examples]
        return plain | {name: list(plain[name]) for name in ("names", "mean", "std")}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Attributes":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        given = {entry.name: plain[entry.name] for entry in fields(cls)}
        names, mean, std = (tuple(given[name]) for name in ("names", "mean", "std"))
        examples = tuple(tuple(np.nan if value is None else float(value) for value in row) for row in given["examples"])
        numbers = np.array([*mean, *std], dtype=np.float64)
        if not all(isinstance(text, str) for text in (*names, given["digest"])) or not 0 < len(names) <= MOST_NUMBERS:
            raise ValueError("attributes: names and a hash wanted")
        if {len(row) for row in (mean, std, *examples)} != {len(names)} or not np.isfinite(numbers).all() or 0 in std:
            raise ValueError("attributes: a mean and a deviation of each wanted")
        return cls(names, tuple(map(float, mean)), tuple(map(float, std)), examples, given["digest"])


def read_attributes(source: Source, columns: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read the labels of all samples: names of their numbers, and float64 [n, k]; NaN where one is missing.

    Args:
        source: the data.
        columns: names of columns, or of arrays of one or several numbers per sample.

    Raises:
        DataError: none of that name, or no numbers.
    """
    names: list[str] = []
    found: list[NDArray[np.float64]] = []
    for column in columns:
        values = _as_numbers(column, source.beside.read(OPTION, column, len(source)))
        names += [column] if values.shape[1] == 1 else [f"{column}[{place}]" for place in range(values.shape[1])]
        found.append(values)
    if len(names) > MOST_NUMBERS:
        raise DataError(
            f"{OPTION}: at most {MOST_NUMBERS:,} numbers of a sample wanted, got {len(names):,}; name fewer"
        )
    return tuple(names), np.concatenate(found, axis=1)


def fit_attributes(names: tuple[str, ...], values: NDArray[np.float64], train: Indices) -> Attributes:
    """Choose the scale of labels by those of the samples to train on.

    Raises:
        DataError: a number that is missing, or the same, in all of them.
    """
    seen = values[train]
    scales = [_scale(name, column[~np.isnan(column)]) for name, column in zip(names, seen.T, strict=True)]
    examples = seen[np.linspace(0, len(seen) - 1, min(NUM_EXAMPLES, len(seen))).round().astype(np.int64)]
    return Attributes(
        names,
        tuple(mean for mean, _ in scales),
        tuple(std for _, std in scales),
        tuple(map(tuple, examples.tolist())),
        hashlib.sha256(values.astype("<f8").tobytes()).hexdigest(),
    )


def _scale(name: str, numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation; the deviation is computed in units of the largest, whose square is 1.

    Raises:
        DataError: no numbers, or the same in all samples, as far as the deviation tells.
    """
    mean = float(numbers.mean()) if len(numbers) else 0.0
    largest = float(np.abs(numbers - mean).max(initial=0.0))
    std = largest * float(((numbers - mean) / largest).std()) if largest else 0.0
    if std < SMALLEST:
        got = f"{numbers[0]:g} in all" if len(numbers) else "none in any"
        raise DataError(
            f"{OPTION}: numbers that differ between training samples wanted in '{name}', got {got}; leave it out"
        )
    return mean, std


def _as_numbers(column: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Return entries as numbers, [n, k]; those without a value, and words that say so, become NaN.

    Raises:
        DataError: other words, or numbers that are too large.
    """
    flat = values.reshape(len(values), -1)
    try:
        if flat.dtype.kind in "UO":
            cells = [np.nan if is_missing(cell) else float(cell) for cell in flat.reshape(-1).tolist()]
            numbers = np.array(cells, dtype=np.float64).reshape(flat.shape)
        else:
            numbers = flat.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{OPTION}: numbers wanted in '{column}', got {error}; name another, or use it as labels"
        ) from error
    if (np.abs(numbers) > LARGEST_NUMBER).any():
        row = int(np.argmax((np.abs(numbers) > LARGEST_NUMBER).any(axis=1)))
        raise DataError(
            f"{OPTION}: numbers of at most {LARGEST_NUMBER:g} wanted in '{column}', got {np.nanmax(np.abs(numbers)):g} "
            f"for sample {row}; replace it"
        )
    return numbers


def is_missing(cell: object) -> bool:
    """Whether there is no number, or a word that says so."""
    return cell is None or (isinstance(cell, str) and cell.strip().casefold() in MISSING)
