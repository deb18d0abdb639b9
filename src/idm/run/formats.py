"""Writing samples in the formats that data come in."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError
from idm.core.files import write_atomically
from idm.core.progress import warn_once
from idm.data.base import Samples
from idm.data.label_names import NO_LABELS
from idm.data.writers import ALWAYS, Form, ToWrite, Writer, build_writers, usual_formats
from idm.run.file_facts import FileFacts
from idm.run.label_kind import Label, class_of
from idm.run.labels import name_labels
from idm.run.opened import Opened


def form_of(run: Opened, facts: FileFacts | None = None) -> Form:
    """Return what writers need to know of samples of a run.

    Args:
        run: the run.
        facts: what the files say that the samples came in; by default, what those of the run's data do.
    """
    spec, known, source = run.spec, facts or FileFacts.of_run(run), run.experiment.data.source
    told = [source.get(name) for name in ("labels_key", "label_column")]
    return Form(
        spec.shape,
        np.dtype(spec.codec.dtype),
        known.layout,
        known.channel_names,
        known.sampling_rate,
        known.metadata,
        known.sample_axis,
        spec.codec.levels,
        run.from_image_files,
        tuple(spec.codec.shown),
        source.get("key") or source.get("column"),
        next((name for name in told if name not in (None, NO_LABELS)), None),
    )


def writers_for(run: Opened, formats: Sequence[str] | None, facts: FileFacts | None = None) -> dict[str, Writer]:
    """Return the writers of formats, by name, with that of exact values.

    Args:
        run: the run.
        formats: names of formats; by default the one that the data came in, where there is a writer of it.
        facts: as of ``form_of``.

    Raises:
        SettingsError: no such format, or one that cannot hold such samples, in a line each.
        DataError: a package is missing that a format was named for.
    """
    form = form_of(run, facts)
    if formats is not None:
        return build_writers(formats, form)
    usual = usual_formats((facts or FileFacts.of_run(run)).source, form)
    try:
        return build_writers(usual, form)
    except DataError as error:
        warn_once(f"{error}; samples are written as {ALWAYS} alone")
        return build_writers((), form)


def names_taken(folder: Path, writers: dict[str, Writer]) -> list[str]:
    """Name the files in a folder that are called as those that writers would write."""
    found: list[str] = []
    for writer in writers.values():
        place = folder / writer.place
        files = [place] if place.is_file() else place.rglob("*")
        names = (path.relative_to(folder).as_posix() for path in files)
        found += [name for name in names if re.fullmatch(writer.pattern, name)]
    return found


def save_formats(
    out: Path,
    run: Opened,
    data: Samples,
    writers: dict[str, Writer],
    labels: Sequence[Label] | None,
    seeds: Sequence[int] | None,
    facts: FileFacts | None = None,
) -> dict[str, Path]:
    """Write samples [n, c, *space] in the units of the data to a new folder; ``facts`` are as of ``form_of``.

    Returns:
        What was written, by what it is: "arrays" are exact values.
    """
    beside: dict[str, Any] = {} if labels is None else run.label_kind.arrays(labels)
    if seeds is not None:
        beside["seeds"] = np.asarray(seeds, dtype=np.int64)
    samples = ToWrite(data, form_of(run, facts), _classes(run, labels), list(seeds or ()), beside)
    for name, writer in writers.items():
        for path, content in writer.files(samples):
            write_atomically(out / path, content, durable=name == ALWAYS)
    return {"arrays" if name == ALWAYS else name: out / writer.place for name, writer in writers.items()}


def _classes(run: Opened, labels: Sequence[Label] | None) -> list[str]:
    """Name the class of each sample, "" for none; nothing where labels are no classes."""
    numbers = [number for label in labels or () if (number := class_of(label)) is not None]
    if run.class_names is None or not numbers:
        return []
    return [name or "" for name in name_labels(numbers, run.class_names)]
