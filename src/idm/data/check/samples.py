"""Checking any source sample by sample: equal ones, flat ones, ranges, classes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.passes import passes_shown_by
from idm.core.progress import SILENT, Listener
from idm.data.base import Source
from idm.data.check.leaks import Contents, find_copies, find_leaks, gather_hashes, hash_content
from idm.data.check.result import FLAT, DataCheck, folder_and_file, odd_copies, odd_groups
from idm.data.check.training import Opener, open_as_training, try_to_open
from idm.data.hashing import files_of, hashed
from idm.data.names import names_or_numbers
from idm.data.sources.index import FileEntry
from idm.data.values.statistics import extremes


def check_source(
    name: str, options: Mapping[str, Any], opener: Opener = open_as_training, listener: Listener = SILENT
) -> DataCheck:
    """Open a source as training would and go through its samples; the listener hears how that gets on."""
    found, refusals = try_to_open(name, options, opener)
    opened = None if found is None else found.source
    files = _entries(Path(options["path"]), opened, refusals) if options.get("path") else ()
    if found is None or opened is None:
        return DataCheck(str(options.get("path", "")), name, options, files, (), refusals, 0, {}, None, (), (), (), ())
    with passes_shown_by(SILENT):  # the loop is followed
        contents, flat = _go_through(opened, listener)
    names = names_or_numbers(opened.names, len(opened))
    duplicates = find_copies(contents, names)
    leaks = None if found.held_out is None else find_leaks(contents, names, found.sides(names))
    low, high = extremes(opened)
    return DataCheck(
        path=str(options.get("path", "")),
        source=name,
        options=options,
        files=files,
        skipped=(),
        refusals=(),
        num_samples=len(opened),
        counts={},
        classes=_classes(opened),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        duplicates=duplicates,
        odd=odd_groups([(FLAT, names[row]) for row in flat] + odd_copies(duplicates, leaks)),
        opened=opened,
        class_names=opened.class_names,
        condition=found.condition,
        values=found.values,
        leaks=leaks,
    )


def _entries(path: Path, opened: Source | None, refusals: tuple[str, ...]) -> tuple[FileEntry, ...]:
    """Index the files that the source reads; what it refuses is said of the first of them."""
    folder, file = folder_and_file(path)
    names = files_of(folder, file)
    mode, shape = (None, None) if opened is None else (opened.dtype.name, (len(opened), *opened.shape))
    kinds = [Path(name).suffix.lstrip(".").lower() or None for name in names]
    entries = [FileEntry(name, *hashed(folder / name), kind) for name, kind in zip(names, kinds, strict=True)]
    if not entries:
        return ()
    first = replace(entries[0], mode=mode, size=shape, refusal=refusals[0] if refusals else None)
    return (first, *entries[1:])


def _go_through(source: Source, listener: Listener) -> tuple[Contents, list[int]]:
    """Hashes of every sample, and the numbers of samples with more than one value in all of which it is the same."""
    flat: list[int] = []

    def hashes() -> Iterator[bytes]:
        first = 0
        with listener.follow("checking", len(source), unit="samples") as bar:
            for block in source.blocks():
                rows = block.reshape(len(block), -1)
                if rows.shape[1] > 1:
                    flat.extend((first + np.flatnonzero((rows == rows[:, :1]).all(axis=1))).tolist())
                for sample in block:
                    yield hash_content(sample)
                    bar.advance()
                first += len(block)

    return gather_hashes(hashes(), len(source)), flat


def _classes(source: Source) -> dict[str, int] | None:
    if source.labels is None or source.class_names is None:
        return None
    return dict(zip(source.class_names, np.bincount(source.labels).tolist(), strict=True))
