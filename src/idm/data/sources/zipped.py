"""Images in a zip archive, with classes from ``dataset.json`` or folders: data sets as StyleGAN and EDM have them."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import counted
from idm.data.base import Source
from idm.data.images.archives import files_in_zip
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.files import SUFFIXES, LabelRule, read_labels
from idm.data.images.items import Deflated, Slice
from idm.data.images.pixels import PixelRule
from idm.data.images.resize import ImageSize
from idm.data.images.source import ImageList, ImageOptions, ImageSource
from idm.data.images.told_labels import LABELS, read_told_labels
from idm.data.parts import choose_part, parts_of


def zip_source(
    path: str | Path,
    *,
    labels: LabelRule = "auto",
    split: str | None = None,
    image_size: ImageSize | None = None,
    upscale: bool = False,
    max_pixels: int = MAX_PIXELS,
    pixels: PixelRule = "refuse",
) -> Source:
    """Open the images of a zip archive, in the order of their names; nothing is unpacked.

    Args:
        path: a .zip file.
        labels: where classes come from: "auto": dataset.json at the top, if there is one, else folders or file names,
            as those of a folder of images; the other rules leave dataset.json aside.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
        image_size: what every image is resized and cropped to: the side of a square, or height and width; by default
            all images must have one size, which is kept.
        upscale: allow images that are smaller than image_size.
        max_pixels: largest image that is opened.
        pixels: what becomes of transparency, CMYK, 16-bit colour and files of several kinds: "refuse"; "convert" to
            grey or RGB of 8 bits without alpha; the same on "white" or "black"; or "keep" alpha as a channel.

    Raises:
        UnreadableFileError: the archive, its labels or an image cannot be read.
        DataError: no images; images without label; members that are no plain files; images that do not suit.
    """
    return ImageSource(
        list_zip(Path(path).absolute(), labels, split), ImageOptions(image_size, upscale, max_pixels, pixels)
    )


def list_zip(where: Path, labels: LabelRule = "auto", split: str | None = None) -> ImageList:
    """Find the images of a zip archive and their classes; none is opened. For arguments see ``zip_source``.

    Raises:
        UnreadableFileError, DataError: as ``zip_source``, but for images.
    """
    files, images = _images(where)
    chosen = choose_part(where, images, split, every=True)
    known = {*images, LABELS}
    others = [name for name in files if name not in known]
    told = read_told_labels(files[LABELS]) if LABELS in files and labels == "auto" else None
    remarks = chosen.remarks
    if told is not None:
        classes, class_names, note = _classes(where, told, chosen.files), None, f"labels from {LABELS}"
        extra = len(told.keys() - set(images))
        remarks += (
            (f"{LABELS} has labels of {counted(extra, 'image')} that the archive does not hold",) if extra else ()
        )
    else:
        rule = "none" if LABELS in files and labels == "auto" else labels
        classes, class_names, note = read_labels(_below_top(chosen.below), rule)
    note += f", {counted(len(others), 'file')} of other kinds skipped" if others else ""
    return ImageList(
        [files[name] for name in chosen.files],
        chosen.files,
        classes,
        f"from {where.name}, {note}",
        class_names,
        skipped=tuple(others),
        remarks=remarks,
    )


def parts_in_zip(where: Path) -> dict[str, str | None]:
    """Return the part of each image, by name; nothing where they are of no parts.

    Raises:
        UnreadableFileError, DataError: as ``list_zip``.
    """
    _, images = _images(where)
    return dict(zip(images, parts_of(images, every=True) or (), strict=False))


def _images(where: Path) -> tuple[Mapping[str, Slice | Deflated], list[str]]:
    """Return all files of an archive, and the names of its images, of which there is one at least."""
    if not where.is_file():
        raise DataError(f"{where}: a .zip file wanted, got {kind_at(where)}; check the path")
    files = files_in_zip(where)
    images = [name for name in files if Path(name).suffix.lower() in SUFFIXES]
    if not images:
        found = f"{counted(len(files), 'other file')} such as {next(iter(files))}" if files else "an empty archive"
        raise DataError(f"{where}: PNG, JPEG, WebP, BMP or TIFF images wanted in it, got {found}; check the path")
    return files, images


def _classes(where: Path, told: Mapping[str, int], names: Sequence[str]) -> NDArray[np.int64]:
    """Return the class number of each image.

    Raises:
        DataError: an image without.
    """
    lacking = [name for name in names if name not in told]
    if lacking:
        raise DataError(
            f"{where}: a label of each image in {LABELS} wanted, got none of {lacking[0]}; add it, or set "
            "data.source.labels=none"
        )
    return np.array([told[name] for name in names], dtype=np.int64)


def _below_top(names: Sequence[str]) -> list[str]:
    """Leave out the folders that all files lie in: those of an archive of one folder say nothing of classes."""
    levels = zip(*(name.split("/")[:-1] for name in names), strict=False)  # as many as the least deep file has
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    return ["/".join(name.split("/")[shared:]) for name in names]
