"""Writing restored samples: a picture of all, every draw, means, standard deviations; files of the kind that came."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.files import write_atomically
from idm.data.writers.npz import npz_bytes
from idm.run.draws import SAMPLES, Draws, Part
from idm.run.labels import NO_CLASS
from idm.run.observing import Observed, title_of_set
from idm.run.opened import Opened
from idm.run.restored import Restored
from idm.run.restored_kinds import Kind, kind_of_sample, kind_of_set, nifti_among, shade
from idm.run.restored_picture import draw_points, overview
from idm.run.saving import GRID, SCATTER

ARRAYS, FOLDER = "restored.npz", "restored"
OURS = rf"{ARRAYS}|{GRID}|{SCATTER}|{FOLDER}/[^/]+\.(png|npy|npz|csv|tsv|nii|nii\.gz)"
"""Names of all that restored samples of any run are written to."""

HELD_OUT_POINTS = "held-out"
"""Name of the set of points that came in no file."""


@dataclass(frozen=True, eq=False)
class _Group:
    """Observations whose results go into the same files.

    Attributes:
        title: what these are called.
        rows: which observations.
        is_set: whether files hold sets of samples.
        kind: how they are written.
    """

    title: str
    rows: slice
    is_set: bool
    kind: Kind


def names_of(run: Opened, observed: Observed, num: int, reference: Path | None) -> list[str]:
    """Name all files that will be written, by their places in the folder for results."""
    names = [ARRAYS, SCATTER if len(run.spec.shape) == 1 else GRID]
    for group in _groups(run, observed, reference):
        parts = [*group.kind.names(group.title, num), *group.kind.summary(group.title)]
        names += [f"{FOLDER}/{name}" for name in parts]
    return names


def save_restored(
    out: Path, run: Opened, observed: Observed, draws: Draws, drawn: Part, reference: Path | None
) -> dict[str, Path]:
    """Write restored samples to a new folder.

    Args:
        out: the folder.
        run: the run.
        observed: what was seen.
        draws: what was asked for.
        drawn: what was drawn.
        reference: as of ``kind_of_sample``.

    Returns:
        What was written, by what it is.
    """
    found = Restored.of(run, drawn, draws.num, draws.kept)
    largest = max(float(found.std.max()), np.finfo(np.float64).tiny)
    for group in _groups(run, observed, reference):
        _save_group(out / FOLDER, run, group, found, largest)
    arrays = write_atomically(
        out / ARRAYS, _arrays(found, draws, observed.names, run.spec.class_names or ()), durable=True
    )
    x = drawn[SAMPLES]
    if x.ndim == 2:
        picture = draw_points(out / SCATTER, run, observed, draws, x)
    else:
        picture = overview(out / GRID, run, observed, draws, x, reference)
    return {"picture": picture, "restored": out / FOLDER, "arrays": arrays}


def _groups(run: Opened, observed: Observed, reference: Path | None) -> list[_Group]:
    """Put the observations of one file together, and points that came in none; each of the others is alone."""

    def place(numbered: tuple[int, tuple[Path | None, str]]) -> Path | str | int:
        row, (file, _) = numbered
        is_alone = file is None and len(run.spec.shape) > 1
        return row if is_alone or nifti_among(file) else file or HELD_OUT_POINTS

    found: list[_Group] = []
    for _, members in groupby(enumerate(zip(observed.files, observed.names, strict=True)), key=place):
        (first, (file, title)), *others = members
        rows = slice(first, first + 1 + len(others))
        if others:
            title = HELD_OUT_POINTS if file is None else title_of_set(title)
            found.append(_Group(title, rows, True, kind_of_set(run, file)))
        else:
            found.append(_Group(title, rows, False, kind_of_sample(run, file, reference)))
    return found


def _save_group(folder: Path, run: Opened, group: _Group, found: Restored, largest: float) -> None:
    """Write every draw, means and standard deviations; of a picture the latter as shades of the largest of all."""
    kind, title = group.kind, group.title

    def of_group(values: np.ndarray) -> np.ndarray:
        return values[group.rows] if group.is_set else values[group.rows][0]

    draws = of_group(found.draws)
    each = list(np.moveaxis(draws, 1, 0) if group.is_set else draws) if kind.separate else [draws]
    for name, samples in zip(kind.names(title, found.draws.shape[1]), each, strict=True):
        write_atomically(folder / name, kind.write(samples))
    mean, std = kind.summary(title)
    write_atomically(folder / mean, kind.write(of_group(found.mean)))
    spread = of_group(found.std)
    write_atomically(folder / std, shade(run, spread / largest) if kind.suffix == ".png" else kind.write(spread))


def _arrays(found: Restored, draws: Draws, names: Sequence[str], class_names: Sequence[str]) -> bytes:
    """Return exact values of all, as a .npz file."""
    seeds = (draws.seed + np.arange(len(draws))).reshape(len(names), draws.num)
    told: dict[str, Any] = {"effective": found.effective, "classes": found.classes}
    if found.classes is not None:
        told |= {"class_names": np.asarray([*class_names, NO_CLASS])}
    known = {name: values for name, values in told.items() if values is not None}
    return npz_bytes(data=found.draws, mean=found.mean, std=found.std, names=np.asarray(names), seeds=seeds, **known)
