"""Samples in a column of a table: encoded images, or lists of numbers of one shape."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.arrow import OpenedTable, open_table, row_name
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.measured import MissingRule
from idm.data.arrays.table import TableArrays
from idm.data.arrays.table_cells import filled_column, labels_in
from idm.data.arrays.table_points import TablePoints, holds_lists
from idm.data.base import Source
from idm.data.beside import Beside
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.items import ImageItem
from idm.data.images.pixels import PixelRule
from idm.data.images.resize import ImageSize
from idm.data.images.source import ImageList, ImageOptions, ImageSource
from idm.data.label_names import NO_LABELS, find_labels
from idm.data.remarks import CHOOSES_LABELS, unread_columns

COLUMNS = ("image", "img", "data", "images", "x", "arr_0", "pixel_values")


@dataclass(frozen=True)
class Cell(ImageItem):
    """Encoded bytes in a cell of a table.

    Attributes:
        where: the table.
        cells: the column, a pyarrow.Array of bytes.
        row: number of the row.
    """

    where: Path
    cells: Any
    row: int

    def __str__(self) -> str:
        """Name the table and the row."""
        return f"{self.where}, row {self.row}"

    def open(self) -> io.BytesIO:
        """Return the bytes."""
        return io.BytesIO(self.cells[self.row].as_buffer())

    @property
    def num_bytes(self) -> int:
        """How many bytes there are."""
        return self.cells[self.row].as_buffer().size


def table_source(
    path: str | Path,
    *,
    column: str | None = None,
    columns: tuple[str, ...] | None = None,
    label_column: str | None = None,
    missing: MissingRule = "refuse",
    fill: float = 0.0,
    split: str | None = None,
    channels: ChannelRule = "auto",
    spatial_dims: int | None = None,
    image_size: ImageSize | None = None,
    upscale: bool = False,
    max_pixels: int = MAX_PIXELS,
    pixels: PixelRule = "refuse",
    apart: tuple[str, ...] = (),
) -> Source:
    """Open a column of Parquet files, or of a data set that Hugging Face's ``datasets`` saved (needs pyarrow).

    Args:
        path: a .parquet file, a folder of them, or a folder written by ``save_to_disk``.
        column: the column of samples: encoded images, or lists of numbers, which may be nested. By default the only
            one besides the labels, or the one called image, img, data, images, x, arr_0 or pixel_values.
        columns: columns of single numbers, each a coordinate of points; by default all of them besides the labels where
            no column holds images or lists.
        label_column: the column of labels, or "none"; by default labels, label, y, class, target or the like, if there
            is one.
        missing: of points, what becomes of rows that miss values in columns that are read: "refuse" them, "skip" them,
            or "fill" the values.
        fill: what stands for missing values with missing=fill.
        split: which part is read, train, val or test, where folders, files or saved data sets are named so, or
            a column called split names them; by default all together.
        channels: for numbers, where the channel axis is: "first", "last", "none", or "auto" by the sizes.
        spatial_dims: for numbers, the number of spatial axes; told by the sizes if not given.
        image_size: for images, what they are resized and cropped to: a side, or height and width; kept by default.
        upscale: allow images that are smaller than image_size.
        max_pixels: largest image that is opened.
        pixels: what becomes of transparency, CMYK, 16-bit colour and files of several kinds: "refuse"; "convert" to
            grey or RGB of 8 bits without alpha; the same on "white" or "black"; or "keep" alpha as a channel.
        apart: columns that are neither samples nor labels unless they are named so, such as those that name groups.

    Raises:
        UnreadableFileError: a file or image that cannot be read.
        DataError: pyarrow is missing; no such column; cells that are empty or not of one shape.
    """
    opened = open_table(Path(path).absolute(), split)
    if columns is not None or (column is None and not holds_lists(opened, apart)):
        return TablePoints(opened, columns, label_column, missing, fill, apart)
    chosen = _choose(opened, column, label_column, apart)
    options = ImageOptions(image_size, upscale, max_pixels, pixels)
    return chosen.arrays(channels, spatial_dims) if chosen.encoded is None else chosen.images(options)


@dataclass(frozen=True)
class Chosen:
    """The columns of a table that are read.

    Attributes:
        opened: the table.
        name: name of the column of samples.
        cells: its cells.
        encoded: the bytes of encoded images; None for lists of numbers.
        of_labels: name of the column of labels; None without one.
        remarks: what is worth knowing of the table, a line each.
    """

    opened: OpenedTable
    name: str
    cells: Any
    encoded: Any
    of_labels: str | None
    remarks: tuple[str, ...]

    @property
    def beside(self) -> Beside:
        """All columns."""
        return Beside(tuple(self.opened.names), lambda name: np.asarray(self.opened.cells(name)))

    def labels(self) -> tuple[NDArray[Any] | None, tuple[str, ...] | None]:
        """Read the label of each row, and the names of the classes that they number; None where there are none."""
        return (None, None) if self.of_labels is None else labels_in(self.opened, self.of_labels)

    def arrays(self, channels: ChannelRule, spatial_dims: int | None) -> Source:
        """Take lists of numbers for samples."""
        found = TableArrays(self.opened.where, self.cells, *self.labels(), channels, spatial_dims)
        found.remarks, found.beside = self.remarks, self.beside
        return found

    def images(self, options: ImageOptions) -> Source:
        """Take encoded images for samples."""
        labels, class_names = self.labels()
        rows = range(len(self.encoded))
        images = ImageList(
            [Cell(self.opened.where, self.encoded, row) for row in rows],
            [row_name(row) for row in rows],
            labels,
            f"column {self.name}, {'no labels' if labels is None else f'labels from {self.of_labels}'}",
            class_names,
            remarks=self.remarks,
            beside=self.beside,
        )
        return ImageSource(images, options)


def _choose(opened: OpenedTable, column: str | None, label_column: str | None, apart: tuple[str, ...]) -> Chosen:
    """Choose the columns of samples and of labels; columns that are ``apart`` are neither."""
    names = [name for name in opened.names if name not in apart]
    of_labels = None if label_column == NO_LABELS else label_column or find_labels(names)
    name = column or _find(opened, names, of_labels)
    of_labels = None if of_labels == name else of_labels
    remarks = opened.remarks + unread_columns(
        [other for other in names if other not in (name, of_labels)],
        CHOOSES_LABELS if label_column is None else "data.source.column chooses samples",
    )
    cells = filled_column(opened, name)
    return Chosen(opened, name, cells, _encoded(opened, name, cells), of_labels, remarks)


def _find(opened: OpenedTable, known: Sequence[str], of_labels: str | None) -> str:
    names = [name for name in known if name != of_labels]
    found = names if len(names) == 1 else [name for name in COLUMNS if name in names]
    if not found:
        raise DataError(
            f"{opened.where}: one column of samples wanted, got {', '.join(names) or 'none'}; "
            "set data.source.column to one of these"
        )
    return found[0]


def _encoded(opened: OpenedTable, name: str, cells: Any) -> Any:
    """The bytes of encoded images; None for other columns."""
    kind = str(cells.type)
    if kind.startswith("struct<") and "bytes: binary" in kind:
        cells = cells.field("bytes")
        if cells.null_count:
            raise DataError(
                f"{opened.where}: images inside of column '{name}' wanted, got paths only; save the bytes with them"
            )
        return cells
    return cells if kind in ("binary", "large_binary") else None
