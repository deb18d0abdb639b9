"""Checking a folder of images file by file, so that every file has its line in the index."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from idm.core.errors import DataError
from idm.data.base import Source
from idm.data.check.look import Looked, look
from idm.data.check.result import DataCheck, count, equal_groups, folder_and_file, odd_groups
from idm.data.check.training import try_to_open
from idm.data.image_check import refuse_other, refuse_size
from idm.data.image_decode import MAX_PIXELS
from idm.data.image_folder import list_folder
from idm.data.image_source import ImageList
from idm.data.infer import IMAGES, fitting_size

EXTREME_ASPECT = 4
"""An image with a side more than this many times the other is called out."""


def check_images(root: Path) -> DataCheck:
    """Hash and decode every image file below a folder, and judge them as training would with inferred settings.

    Raises:
        DataError: no such folder, or no image files in it.
    """
    return check_listed(IMAGES, root, list_folder(root))


def check_listed(source: str, path: Path, images: ImageList) -> DataCheck:
    """Hash and decode images, and judge them as training would with inferred settings.

    Args:
        source: name of the source that reads them.
        path: what it opens.
        images: what it finds there.
    """
    labels, class_names = images.classes()
    of_each = [None] * len(images.names) if labels is None or class_names is None else [class_names[i] for i in labels]
    folder, _ = folder_and_file(path)
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        found = list(pool.map(look, [folder] * len(of_each), images.places, images.names, of_each))
    looked, size = _compare(found, fitted=source == IMAGES)
    options = {"path": str(path)} | ({} if size is None else {"image_size": size})
    refusals = tuple(item.entry.refusal for item in looked if item.entry.refusal is not None)
    opened, further = (None, ()) if refusals else try_to_open(source, options)
    check = _summary(source, options, looked, opened, refusals + further)
    return replace(check, skipped=images.skipped, class_names=class_names)


def _compare(looked: Sequence[Looked], *, fitted: bool) -> tuple[list[Looked], int | None]:
    """Refuse what is not of the kind of the first, and what cannot be brought to the size that is inferred."""
    fine = [item for item in looked if item.header is not None and item.entry.refusal is None]
    headers = [item.header for item in fine if item.header is not None]
    if not headers:
        return list(looked), None
    size = fitting_size(headers) if fitted else None
    first, name = headers[0], fine[0].entry.path

    def judged(item: Looked) -> Looked:
        if item.header is None or item.entry.refusal is not None:
            return item
        try:
            refuse_other(item.place, item.header, first, name, one_size=size is None)
            if size is not None:
                refuse_size(item.place, item.header, size, upscale=False, max_pixels=MAX_PIXELS)
        except DataError as error:
            return replace(item, entry=replace(item.entry, refusal=error.lines[0]))
        fits = size is None or (item.header.width, item.header.height) == (size, size)
        words = item.entry.conversions if fits else (*item.entry.conversions, f"resized and cropped to {size} x {size}")
        return replace(item, entry=replace(item.entry, conversions=words))

    return [judged(item) for item in looked], size


def _summary(
    source: str,
    options: Mapping[str, Any],
    looked: Sequence[Looked],
    opened: Source | None,
    refusals: tuple[str, ...],
) -> DataCheck:
    fine = [item for item in looked if item.entry.refusal is None]
    entries = [item.entry for item in looked]
    labels = [item.entry.label for item in fine if item.entry.label is not None]
    counts = {
        "format": count(entry.format or "unknown" for entry in entries),
        "pixels": count(item.header.kind.name for item in looked if item.header is not None),
        "size": count(f"{item.header.width} x {item.header.height}" for item in looked if item.header is not None),
    }
    duplicates = equal_groups([(item.entry.path, item.digest) for item in looked])
    copies = [("same contents as another", name) for group in duplicates for name in group]
    return DataCheck(
        path=options["path"],
        source=source,
        options=options,
        files=tuple(entries),
        skipped=(),
        refusals=refusals,
        num_samples=len(fine),
        counts=counts,
        classes=count(labels) if labels else None,
        low=tuple(min(column) for column in zip(*(item.low for item in fine), strict=True)),
        high=tuple(max(column) for column in zip(*(item.high for item in fine), strict=True)),
        duplicates=duplicates,
        odd=odd_groups(_odd(looked) + copies),
        opened=opened,
    )


def _odd(looked: Sequence[Looked]) -> list[tuple[str, str]]:
    """Pairs of reason and file, refused files first."""
    entries = [item.entry for item in looked]
    refused = [("refused", entry.path) for entry in entries if entry.refusal is not None]
    converted = [(words, entry.path) for entry in entries for words in entry.conversions if entry.refusal is None]
    flat = [("one value everywhere", item.entry.path) for item in looked if item.low and item.low == item.high]
    narrow = [
        (f"one side more than {EXTREME_ASPECT} times the other", entry.path)
        for entry in entries
        if entry.size is not None and max(entry.size) > EXTREME_ASPECT * min(entry.size)
    ]
    return refused + converted + flat + narrow
