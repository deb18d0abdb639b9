"""Images that a CSV file lists, with or without labels."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.base import Source
from idm.data.beside import Beside
from idm.data.csv_rows import find_parts, read_rows, refuse_more_cells, refuse_unknown
from idm.data.file_names import Finder
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.pixels import PixelRule
from idm.data.images.resize import ImageSize
from idm.data.images.source import ImageList, ImageOptions, ImageSource
from idm.data.label_names import NO_LABELS, find_labels, words
from idm.data.parts import choose_rows
from idm.data.remarks import CHOOSES_LABELS, unread_columns


def csv_source(
    path: str | Path,
    *,
    path_column: str = "path",
    label_column: str | None = None,
    delimiter: str = ",",
    split: str | None = None,
    image_size: ImageSize | None = None,
    upscale: bool = False,
    max_pixels: int = MAX_PIXELS,
    pixels: PixelRule = "refuse",
    apart: tuple[str, ...] = (),
) -> Source:
    """Open the image files that a CSV file lists, in its order; its first line names the columns.

    Args:
        path: the CSV file, in UTF-8.
        path_column: name of the column of paths, which are relative to the folder of the CSV file, or absolute.
        label_column: name of the column of labels, or "none"; by default "label", "class name" or the like, if there is
            one. Blanks around names and labels do not count.
        delimiter: what is between columns.
        split: which part is read, train, val or test, where a column called split names them; by default all together.
        image_size: what every image is resized and cropped to: the side of a square, or height and width; by default
            all images must have one size, which is kept.
        upscale: allow images that are smaller than image_size.
        max_pixels: largest image that is opened.
        pixels: what becomes of transparency, CMYK, 16-bit colour and files of several kinds: "refuse"; "convert" to
            grey or RGB of 8 bits without alpha; the same on "white" or "black"; or "keep" alpha as a channel.
        apart: columns that say something else than labels, such as groups.

    Raises:
        UnreadableFileError: the CSV file or an image cannot be read.
        DataError: no such column; rows without path or label, or with the path of another; images that do not suit.
    """
    images = list_csv(
        Path(path).absolute(),
        path_column=path_column,
        label_column=label_column,
        delimiter=delimiter,
        split=split,
        apart=apart,
    )
    return ImageSource(images, ImageOptions(image_size, upscale, max_pixels, pixels))


def list_csv(
    where: Path,
    *,
    path_column: str = "path",
    label_column: str | None = None,
    delimiter: str = ",",
    split: str | None = None,
    apart: tuple[str, ...] = (),
) -> ImageList:
    """Read which images a CSV file lists, and their labels; none is opened. For arguments see ``csv_source``.

    Raises:
        UnreadableFileError: the CSV file cannot be read.
        DataError: no such column; rows without path or label, or with the path of another.
    """
    rows, path_column = _read(where, delimiter), path_column.strip()
    columns = list(rows[0])
    told = None if label_column in (None, NO_LABELS) else label_column.strip()
    refuse_unknown(where, columns, {"path_column": (path_column,), "label_column": () if told is None else (told,)})
    of_parts, parts = _parts(rows)
    numbers, remarks = choose_rows(where, parts, split, len(rows))
    rows = [rows[number] for number in numbers]
    others = [column for column in columns if column not in (path_column, of_parts, *apart)]
    guessed = find_labels([column for column in others if words(column) != ("y",)]) if label_column is None else None
    of_labels = told or guessed
    labels = None if of_labels is None else [row[of_labels].strip() for row in rows]
    finder = Finder(where.parent)
    names = [_as_written(finder, row[path_column]) for row in rows]
    _check(where, names, labels or [])
    return ImageList(
        [finder.find(name) for name in names],
        names,
        None if labels is None else np.array(labels),
        f"listed in {where.name}, {'no labels' if labels is None else f'labels from {of_labels}'}",
        remarks=remarks
        + unread_columns(
            [column for column in others if column != of_labels], CHOOSES_LABELS if label_column is None else ""
        ),
        beside=Beside(tuple(columns), partial(_cells, where, delimiter, numbers)),
    )


def _cells(where: Path, delimiter: str, numbers: Sequence[int], column: str) -> NDArray[Any]:
    """Read the cells of a column as text, of the rows of those numbers."""
    rows = _read(where, delimiter)
    return np.array([rows[number][column].strip() for number in numbers])


def parts_in_csv(where: Path, *, path_column: str = "path", delimiter: str = ",") -> dict[str, str | None]:
    """Return the part of each image that a CSV file lists, by its path; nothing where they are of no parts.

    Raises:
        UnreadableFileError, DataError: as ``list_csv``.
    """
    rows = _read(where, delimiter)
    parts = _parts(rows)[1] or []
    return {row.get(path_column, "").strip(): part for row, part in zip(rows, parts, strict=False)}


def _parts(rows: Sequence[Mapping[str, str]]) -> tuple[str | None, list[str | None] | None]:
    """Return the name of the column that names the part of each row, and the parts; None both where none does."""
    return find_parts(rows[0], lambda column: [row[column] for row in rows])


def _as_written(finder: Finder, cell: str) -> str:
    """Return a path without the blanks around it, unless there is a file whose name has them."""
    return cell if cell == cell.strip() or finder.find(cell).exists() else cell.strip()


def _read(where: Path, delimiter: str) -> list[dict[str, str]]:
    """Return the rows by name of column; cells that a row lacks are empty."""
    first, *rows = list(read_rows(where, delimiter)) or [[]]
    if not rows:
        raise DataError(f"{where}: a line of column names and a line per image wanted, got none; add them")
    columns = [name.strip() for name in first]
    for number, row in enumerate(rows, 2):
        refuse_more_cells(where, number, row, columns)
    return [dict(zip_longest(columns, row, fillvalue="")) for row in rows]


def _check(where: Path, names: list[str], labels: list[str]) -> None:
    """Refuse rows without a path or label, and paths that come twice."""
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 2):
        if not name or not name.isprintable():
            raise DataError(f"{where}: a path wanted in row {number}, got {name!r}; fill it in, or remove the row")
        if name in seen:
            raise DataError(f"{where}: each path once wanted, got {name} in rows {seen[name]} and {number}; remove one")
        seen[name] = number
    if "" in labels:
        raise DataError(f"{where}: a label wanted in every row, got none in row {labels.index('') + 2}; fill it in")
