"""Conditions that a run was not trained on, from files of any kind that ``idm train --condition`` reads."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError, SettingsError
from idm.core.progress import warn
from idm.data import Indices, Source
from idm.data.patches import Patches
from idm.run.alike import Alike, Like, open_alike
from idm.run.beside import lay_beside
from idm.run.condition_spec import ConditionSpec
from idm.run.conditions import Conditions, about_conditions, of_conditions
from idm.run.field_labels import FieldLabels
from idm.run.label_kind import Label, LabelKind
from idm.run.labels import Labels
from idm.run.loaded import Loaded
from idm.run.spec import DataSpec

CHOSEN = re.compile(r"(.+)#(\d{1,12})(?:-(\d{1,12}))?")
"""A file, and the numbers of some conditions in it: coarse.nc#12-14."""

LOOKED_AT = 256
"""Most conditions that are compared with the range of the run."""


def read_conditions(run: Loaded, path: str | Path, most: int, source: Mapping[str, Any] | None = None) -> list[Label]:
    """Read conditions from a file or folder, with the run's codec.

    Args:
        run: a run that is told conditions.
        path: where they lie.
        most: how many are read, from the first on.
        source: options that open them where those of the run's own do not: ``{"key": "low"}``; ``"name"`` is that of
            the source.

    Raises:
        SettingsError: the run is told none; options that the source does not have, or of a wrong type.
        DataError: they cannot be read, or are not like those of the run.
    """
    found = _opened_of(run, path, source)
    return _fields(run, found, np.arange(min(most, len(found.source))))


def conditions_for(run: Loaded, path: str | Path, count: int, source: Mapping[str, Any] | None = None) -> list[Label]:
    """Read the conditions of so many samples: one for each, in their order, or one for all.

    Args:
        run: as of ``read_conditions``, as the rest.
        path: where they lie; with ``#12`` or ``#12-14`` behind it these of them alone, counted from 0.
        count: how many samples there are.
        source: as there.

    Raises:
        SettingsError: as there.
        DataError: as there; another number of conditions.
    """
    place, rows = _chosen(path)
    found = _opened_of(run, place, source)
    total = len(found.source)
    numbers = np.arange(total) if rows is None else np.arange(rows.start, rows.stop)
    if rows is not None and not 0 <= rows.start < rows.stop <= total:
        raise DataError(f"condition: {path}: a number or range of the {total:,} conditions wanted, from #0 on")
    if len(numbers) not in (1, count):
        raise DataError(
            f"condition: as many conditions as observations, {count:,}, or one for all, wanted, got {len(numbers):,} "
            f"({found.source.note}); choose by their numbers, from 0 on: {place}#0"
            + (f"-{count - 1}" if count > 1 else "")
        )
    return _fields(run, found, numbers)


def _opened_of(run: Loaded, path: str | Path, told: Mapping[str, Any] | None) -> Conditions:
    require_conditions(run.spec)
    like = Like.of(run)
    return _opened(like, path, Alike.conditions_of(like), told)


def _fields(run: Loaded, found: Conditions, numbers: Indices) -> list[Label]:
    """Return the conditions of those numbers as labels."""
    x, _ = found.of(numbers, crop=run.experiment.data.random_crop).batch(np.arange(len(numbers)))
    return FieldLabels(require_conditions(run.spec)).labels_of(x)


def _chosen(path: str | Path) -> tuple[str | Path, range | None]:
    """Part a path from the numbers behind it; a file of the very name comes first."""
    told = CHOSEN.fullmatch(str(path))
    if told is None or Path(path).exists():
        return path, None
    first, last = int(told[2]), int(told[3] or told[2])
    return told[1], range(first, last + 1)


def open_other_conditions(
    like: Like, path: str | Path, samples: Source, source: Mapping[str, Any] | None = None
) -> Conditions:
    """Open the conditions of other samples than a run's own.

    Args:
        like: the run's own, with conditions.
        path: where they lie.
        samples: the samples.
        source: as of ``read_conditions``.

    Raises:
        SettingsError: the run is told none; options that the source does not have, or of a wrong type.
        DataError: they cannot be read, are another number than the samples, or are not like those of the run.
    """
    require_conditions(like.spec)
    alike = Alike.conditions_of(like)
    found = _opened(like, path, alike.beside_rasters(samples) if isinstance(samples, Patches) else alike, source)
    beside = lay_beside(like.settings, samples, found.source)
    return replace(found, source=beside.source, rows=beside.rows, remarks=beside.remarks)


def require_conditions(spec: DataSpec) -> ConditionSpec:
    """Return what is known of the conditions beside the data of a run.

    Raises:
        SettingsError: it is told none.
    """
    if spec.condition is None:
        raise SettingsError("condition: none wanted, this network was trained without conditions; leave it out")
    return spec.condition


def _opened(like: Like, path: str | Path, alike: Alike, told: Mapping[str, Any] | None) -> Conditions:
    known = require_conditions(like.spec)
    with of_conditions():
        source, _ = open_alike(alike, Path(path).absolute(), told or {})
        for remark in known.codec.remarks_on(source.read(np.arange(min(LOOKED_AT, len(source))))):
            warn(about_conditions(remark))
        spec = replace(known, layout=source.layout, fingerprint=source.fingerprint())
    return Conditions(source, np.arange(len(source)), spec)


def labels_asked(
    run: Loaded,
    kind: LabelKind,
    labels: Labels | None,
    condition: str | Path | None,
    most: int,
    source: Mapping[str, Any] | None = None,
) -> list[Label] | None:
    """Understand the labels, or read the conditions, that are asked for; None where nothing is.

    Args:
        run: the run.
        kind: what its samples may be drawn of.
        labels: classes or numbers.
        condition: a file or folder of conditions.
        most: conditions that are read, from the first on.
        source: options that open these, as of ``read_conditions``.

    Raises:
        SettingsError: what is no label, or what the run is not told.
        DataError: conditions that cannot be read, or are not like those of the run.
    """
    kind.read(kind.asked(labels, None))  # refused before anything is read
    fields = None if condition is None else read_conditions(run, condition, most, source)
    return kind.read(kind.asked(labels, fields))
