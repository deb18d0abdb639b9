"""Images in WebDataset tar shards: samples are neighbouring files that share a name up to its first dot."""

import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.base import Source
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.files import SUFFIXES, find_files
from idm.data.images.items import Slice
from idm.data.images.pixels import PixelRule
from idm.data.images.resize import ImageSize
from idm.data.images.source import ImageList, ImageOptions, ImageSource
from idm.data.images.told_labels import LABELS, read_told_labels
from idm.data.label_names import NO_LABELS
from idm.data.parts import choose_part

LONGEST_LABEL = 1_000
"""Bytes of a label."""


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        name: its name, with that of its shard.
        image: where its image lies.
        label: where its label lies; None if it has none.
        told: its class number in dataset.json; None as above.
    """

    name: str
    image: Slice
    label: Slice | None
    told: int | None


def webdataset_source(
    path: str | Path,
    *,
    image: str | None = None,
    label: str = "cls",
    split: str | None = None,
    image_size: ImageSize | None = None,
    upscale: bool = False,
    max_pixels: int = MAX_PIXELS,
    pixels: PixelRule = "refuse",
) -> Source:
    """Open the images of tar shards, in the order of the shards' names; nothing is unpacked.

    Args:
        path: a .tar file, or a folder of them.
        image: suffix of the images; by default the only one of png, jpg, jpeg, webp, bmp, tif, tiff in each sample.
        label: suffix of the files that hold the class of a sample as text, or "none"; where no sample has such a file,
            classes are those of dataset.json at the top of the shard, if there is one.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
        image_size: what every image is resized and cropped to: the side of a square, or height and width; by default
            all images must have one size, which is kept.
        upscale: allow images that are smaller than image_size.
        max_pixels: largest image that is opened.
        pixels: what becomes of transparency, CMYK, 16-bit colour and files of several kinds: "refuse"; "convert" to
            grey or RGB of 8 bits without alpha; the same on "white" or "black"; or "keep" alpha as a channel.

    Raises:
        UnreadableFileError: a shard or an image cannot be read.
        DataError: no shards; samples without image, or only some with a label; links; images that do not suit.
    """
    return ImageSource(
        list_shards(Path(path).absolute(), image, label, split), ImageOptions(image_size, upscale, max_pixels, pixels)
    )


def list_shards(where: Path, image: str | None = None, label: str = "cls", split: str | None = None) -> ImageList:
    """Find the images of tar shards and their labels; no image is opened. For arguments see ``webdataset_source``.

    Raises:
        UnreadableFileError: a shard cannot be read.
        DataError: no shards; samples without image, or only some with a label; links.
    """
    names = [file for file in find_files(where)[1] if file.endswith(".tar")] if where.is_dir() else [where.name]
    home = where if where.is_dir() else where.parent
    if not any((home / name).is_file() for name in names):
        found = "a folder without any" if where.is_dir() else kind_at(where)
        raise DataError(f"{where}: .tar shards wanted, got {found}; check the path")
    chosen = choose_part(where, names, split if where.is_dir() else None, every=False)
    suffixes = SUFFIXES if image is None else {f".{image.lstrip('.').lower()}"}
    of_labels = f".{label.lstrip('.').lower()}"
    samples = [sample for name in chosen.files for sample in _samples(home, name, suffixes, of_labels)]
    if not samples:
        raise DataError(f"{where}: samples with an image wanted, got empty shards; check the path")
    labels, of_labels = (None, "") if label == NO_LABELS else _labels(samples, f".{label}")
    return ImageList(
        [sample.image for sample in samples],
        [sample.name for sample in samples],
        None if labels is None else np.array(labels),
        f"from {len(chosen.files)} tar shards, {'no labels' if labels is None else f'labels from {of_labels}'}",
        remarks=chosen.remarks,
    )


def _samples(home: Path, name: str, suffixes: Collection[str], label: str) -> list[Sample]:
    shard = home / name
    items = _members(shard)
    described = next((item for item in items if _below_top(item) == LABELS), None)
    told = (None if described is None else read_told_labels(described)) or {}
    groups: dict[str, dict[str, Slice]] = {}
    for item in items:
        if item is described:
            continue
        folder, _, file = item.name.rpartition("/")
        stem, _, suffix = file.partition(".")
        parts = groups.setdefault(f"{folder}/{stem}".lstrip("/"), {})
        if f".{suffix.lower()}" in parts:
            raise DataError(f"{shard}: each name once wanted, got {item.name} twice; write the shard anew")
        parts[f".{suffix.lower()}"] = item
    found: list[Sample] = []
    for stem, parts in groups.items():
        image = _image(shard, stem, parts, suffixes)
        found.append(Sample(f"{name}/{stem}", image, parts.get(label), told.get(_below_top(image))))
    return found


def _below_top(item: Slice) -> str:
    """Return the name of a member as others would write it: tar itself puts "./" before."""
    return item.name.removeprefix("./")


def _image(shard: Path, stem: str, parts: Mapping[str, Slice], suffixes: Collection[str]) -> Slice:
    images = [item for suffix, item in parts.items() if suffix in suffixes]
    if len(images) != 1:
        found = ", ".join(parts)
        raise DataError(
            f"{shard}: one image wanted in sample {stem}, got {found}; choose one with data.source.image=SUFFIX"
        )
    return images[0]


def _members(shard: Path) -> list[Slice]:
    """List the plain files of a shard, hidden ones left out."""
    found: list[Slice] = []
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                if archive.offset <= member.offset:  # of a size below zero: there would be no end
                    raise DataError(f"{shard}: files in a row wanted, got {member.name!r} before itself; write it anew")
                if member.isdir() or member.name.rpartition("/")[2].startswith("."):
                    continue
                if not member.isreg() or member.issparse() or not member.name.isprintable():
                    raise DataError(
                        f"{shard}: plain files wanted, got {member.name!r}, a link, device or odd name; leave it out"
                    )
                found.append(Slice(shard, member.name, member.offset_data, member.size))
    except DataError:
        raise
    except Exception as error:  # damaged headers raise whatever they make the reader stumble over
        raise UnreadableFileError(
            f"{shard}: cannot be read as a tar file that is not compressed ({one_line(error)}); write it anew"
        ) from error
    if found and found[-1].offset + found[-1].length > shard.stat().st_size:
        raise UnreadableFileError(f"{shard}: cannot be read as a tar file (cut off); write it anew")
    return found


def _labels(samples: list[Sample], suffix: str) -> tuple[list[str] | None, str]:
    """Return the class of each sample, and where it is from; none at all where no sample has one."""
    with_label = [sample.label for sample in samples if sample.label is not None]
    told = [str(sample.told) for sample in samples if sample.told is not None]
    if not with_label and not told:
        return None, ""
    if not with_label and len(told) == len(samples):
        return told, LABELS
    if len(with_label) < len(samples):
        name = next(sample.name for sample in samples if (sample.label if with_label else sample.told) is None)
        raise DataError(
            f"{name}: a label wanted as other samples have one, got none; add it, or set data.source.label=none"
        )
    return [_text(label) for label in with_label], suffix


def _text(label: Slice) -> str:
    content = label.read() if label.length <= LONGEST_LABEL else b""
    text = content.decode("utf-8", errors="replace").strip()
    if not text or not text.isprintable():
        raise DataError(f"{label}: a class as text in one line wanted, got something else; write its name or number")
    return text
