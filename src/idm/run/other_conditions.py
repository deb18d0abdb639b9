"""Conditions that a run was not trained on, from files of any kind that ``idm train --condition`` reads."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from idm.core.errors import DataError, SettingsError
from idm.core.progress import warn
from idm.data import Source
from idm.data.patches import Patches
from idm.run.alike import Alike, Like, open_alike
from idm.run.beside import lay_beside
from idm.run.condition_spec import ConditionSpec
from idm.run.conditions import Conditions, about_conditions, of_conditions
from idm.run.field_labels import labels_or_condition
from idm.run.label_kinds import Label, LabelKind
from idm.run.labels import Labels
from idm.run.loaded import Loaded
from idm.run.spec import DataSpec

SAVE_ALONE = "save the conditions alone, as conditions.npy, and give that file"

LOOKED_AT = 256
"""Most conditions that are compared with the range of the run."""


def read_conditions(run: Loaded, path: str | Path, most: int) -> list[Label]:
    """Read conditions from a file or folder, with the run's codec.

    Args:
        run: a run that is told conditions.
        path: where they lie.
        most: how many are read, from the first on.

    Raises:
        SettingsError: the run is told none.
        DataError: they cannot be read, or are not like those of the run.
    """
    like = Like.of(run)
    found = _opened(like, path, Alike.conditions_of(like))
    numbers = np.arange(min(most, len(found.source)))
    x, _ = found.of(numbers, crop=run.experiment.data.random_crop).batch(numbers)
    return run.spec.label_kind.labels_of(x)


def open_other_conditions(like: Like, path: str | Path, samples: Source) -> Conditions:
    """Open the conditions of other samples than a run's own.

    Args:
        like: the run's own, with conditions.
        path: where they lie.
        samples: the samples.

    Raises:
        SettingsError: the run is told none.
        DataError: they cannot be read, are another number than the samples, or are not like those of the run.
    """
    alike = Alike.conditions_of(like)
    found = _opened(like, path, alike.beside_rasters(samples) if isinstance(samples, Patches) else alike)
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


def _opened(like: Like, path: str | Path, alike: Alike) -> Conditions:
    known = require_conditions(like.spec)
    with _advice_for_files(), of_conditions():
        source, _ = open_alike(alike, Path(path).absolute(), {})
        for remark in known.codec.remarks_on(source.read(np.arange(min(LOOKED_AT, len(source))))):
            warn(about_conditions(remark))
        spec = replace(known, layout=source.layout, fingerprint=source.fingerprint())
    return Conditions(source, np.arange(len(source)), spec)


@contextmanager
def _advice_for_files() -> Generator[None, None, None]:
    """Advise another file where a refusal advises a setting: only training can change those of conditions."""
    try:
        yield
    except DataError as error:
        raise type(error)(*map(_advising_a_file, error.lines)) from error


def _advising_a_file(line: str) -> str:
    said, divided, advice = line.rpartition("; ")
    return f"{said}; {SAVE_ALONE}" if divided and "data.condition." in advice else line


def labels_asked(
    run: Loaded, kind: LabelKind, labels: Labels | None, condition: str | Path | None, most: int
) -> list[Label] | None:
    """Understand the labels, or read the conditions, that are asked for; None where nothing is.

    Args:
        run: the run.
        kind: what its samples may be drawn of.
        labels: classes or numbers.
        condition: a file or folder of conditions.
        most: conditions that are read, from the first on.

    Raises:
        SettingsError: what is no label, or what the run is not told.
        DataError: conditions that cannot be read, or are not like those of the run.
    """
    asked = kind.read(labels_or_condition(kind, labels, None))
    return asked if condition is None else read_conditions(run, condition, most)
