"""Checking a folder of images file by file, so that every file has its line in the index."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from idm.core.errors import DataError
from idm.core.progress import SILENT, Listener
from idm.core.text import counted
from idm.data.check.leaks import find_copies, find_leaks, gather_hashes
from idm.data.check.look import Looked, look
from idm.data.check.result import FLAT, DataCheck, count, folder_and_file, odd_copies, odd_groups
from idm.data.check.training import Opened, Opener, try_to_open
from idm.data.images.check import refuse_other, refuse_size
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.fitting import fitting_size
from idm.data.images.pixels import PixelPolicy, policy_of
from idm.data.images.resize import Frame, frame_of
from idm.data.images.source import ImageList
from idm.data.infer import FITTED

EXTREME_ASPECT = 4
"""An image with a side more than this many times the other is called out."""


def check_listed(
    source: str, options: Mapping[str, Any], images: ImageList, opener: Opener, listener: Listener = SILENT
) -> DataCheck:
    """Hash and decode images, and judge them as training would.

    Args:
        source: name of the source that reads them.
        options: its options; images in folders are brought to a size that fits where none is given.
        images: what it finds there.
        opener: opens the source as training would.
        listener: hears how looking at the images gets on.
    """
    labels, class_names = images.classes()
    of_each = [None] * len(images.names) if labels is None or class_names is None else [class_names[i] for i in labels]
    folder, _ = folder_and_file(Path(options["path"]))
    largest, policy = options.get("max_pixels", MAX_PIXELS), policy_of(options.get("pixels"))
    found: list[Looked] = []
    with (
        ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool,
        listener.follow("checking", len(images.names), unit="images") as bar,
    ):
        for looked_at in pool.map(
            partial(look, folder, policy=policy, max_pixels=largest), images.places, images.names, of_each
        ):
            found.append(looked_at)
            bar.advance()
    if source in FITTED and "image_size" not in options:
        size = fitting_size([item.header for item in found if item.header is not None and item.entry.refusal is None])
        options = dict(options) | ({} if size is None else {"image_size": size})
    looked = _compare(found, options, policy)
    refusals = tuple(item.entry.refusal for item in looked if item.entry.refusal is not None)
    opened, further = (None, ()) if refusals else try_to_open(source, options, opener)
    check = _summary(source, options, looked, opened, refusals + further)
    return replace(check, skipped=images.skipped, class_names=class_names)


def _compare(looked: Sequence[Looked], options: Mapping[str, Any], policy: PixelPolicy) -> list[Looked]:
    """Refuse what is not of the kind of the first, and what cannot be brought to the size that is asked for."""
    fine = [(item, item.header) for item in looked if item.header is not None and item.entry.refusal is None]
    if not fine:
        return list(looked)
    try:
        frame = frame_of(options.get("image_size"))
    except DataError:  # which opening them says once for all
        return list(looked)
    kind = policy.shared([header.kind for _, header in fine])
    wanted, name = replace(fine[0][1], kind=kind), fine[0][0].entry.path
    upscale, largest = options.get("upscale", False), options.get("max_pixels", MAX_PIXELS)

    def judged(item: Looked) -> Looked:
        if item.header is None or item.entry.refusal is not None:
            return item
        try:
            refuse_other(item.place, item.header, wanted, name, policy, one_size=frame is None)
            if frame is not None:
                refuse_size(item.place, item.header, frame, upscale=upscale, max_pixels=largest)
        except DataError as error:
            return replace(item, entry=replace(item.entry, refusal=error.lines[0]))
        fits = frame is None or (item.header.width, item.header.height) == (frame.width, frame.height)
        words = (
            item.entry.conversions if item.header.kind is kind else (*item.entry.conversions, f"read as {kind.name}")
        )
        words = words if fits else (*words, f"resized and cropped to {frame}")
        return replace(item, entry=replace(item.entry, conversions=words))

    return [judged(item) for item in looked]


def _summary(
    source: str,
    options: Mapping[str, Any],
    looked: Sequence[Looked],
    opened: Opened | None,
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
    names = [entry.path for entry in entries]
    contents = gather_hashes((item.content for item in looked), len(looked))
    duplicates = find_copies(contents, names)
    leaks = None if opened is None or opened.held_out is None else find_leaks(contents, names, opened.sides(names))
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
        low=tuple(map(min, _by_channel([item.low for item in fine]))),
        high=tuple(map(max, _by_channel([item.high for item in fine]))),
        duplicates=duplicates,
        odd=odd_groups(_odd(looked) + odd_copies(duplicates, leaks)),
        opened=None if opened is None else opened.source,
        values=None if opened is None else opened.values,
        condition="" if opened is None else opened.condition,
        leaks=leaks,
        scaled="" if opened is None else _scaling_in_words(fine, frame_of(options.get("image_size"))),
    )


def _scaling_in_words(looked: Sequence[Looked], frame: Frame | None) -> str:
    """Say that images of several sizes are scaled by several factors; nothing where they are not."""
    headers = [item.header for item in looked if item.header is not None]
    sizes = sorted({(header.width, header.height) for header in headers}, key=math.prod)
    factors = [] if frame is None else [max(frame.width / width, frame.height / height) for width, height in sizes]
    if len(set(factors)) < 2:
        return ""
    first, last = (" x ".join(map(str, size)) for size in (sizes[0], sizes[-1]))
    num = sum(item.has_resolution for item in looked)
    lost = f"; the resolution in {counted(num, 'TIFF file')} no longer holds" if num else ""
    return f", from {first} to {last}, scaled by factors from {min(factors):.3g} to {max(factors):.3g}{lost}"


def _by_channel(values: Sequence[tuple[int | float, ...]]) -> list[tuple[int | float, ...]]:
    """Gather one value per channel of each image by channels; all as one where images have different channels."""
    if len(set(map(len, values))) > 1:
        return [tuple(value for each in values for value in each)]
    return list(zip(*values, strict=True))


def _odd(looked: Sequence[Looked]) -> list[tuple[str, str]]:
    """Pairs of reason and file, refused files first."""
    entries = [item.entry for item in looked]
    refused = [("refused", entry.path) for entry in entries if entry.refusal is not None]
    converted = [(words, entry.path) for entry in entries for words in entry.conversions if entry.refusal is None]
    flat = [(FLAT, item.entry.path) for item in looked if item.low and item.low == item.high]
    narrow = [
        (f"one side more than {EXTREME_ASPECT} times the other", entry.path)
        for entry in entries
        if entry.size is not None and max(entry.size) > EXTREME_ASPECT * min(entry.size)
    ]
    return refused + converted + flat + narrow
