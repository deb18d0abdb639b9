"""Writing restored samples: a picture of all, every draw, means, standard deviations; files of the kind that came."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, final

import numpy as np

from idm.core.files import write_atomically
from idm.data.writers.npz import npz_bytes
from idm.run.draws import SAMPLES, Draws, Part
from idm.run.labels import NO_CLASS
from idm.run.observing import Observed, title_of_set
from idm.run.opened import Opened
from idm.run.restored import Restored
from idm.run.restored_kinds import Kind
from idm.run.restored_picture import draw_points, overview
from idm.run.same_kind import kind_of
from idm.run.saving import GRID, SCATTER

ARRAYS, FOLDER = "restored.npz", "restored"
SUFFIXES = r"png|npy|npz|csv|tsv|nii|nii\.gz|wav|edf|bdf|nc|h5|fits|tif|parquet|zarr/.+"
OURS = rf"{ARRAYS}|{GRID}|{SCATTER}|{FOLDER}/([^/]+\.({SUFFIXES})|[^/]+-idx[0-9]-(ubyte|[a-z]+\.idx))"
"""Names of all that restored samples of any run are written to."""

HELD_OUT_POINTS = "held-out"
"""Name of the set of samples that came in no file."""


@final
@dataclass(frozen=True, eq=False)
class Group:
    """Observations whose results go into the same files.

    Attributes:
        title: what these are called.
        rows: which observations.
        kind: how they are written.
    """

    title: str
    rows: slice
    kind: Kind

    def names(self, num: int) -> list[str]:
        """Name the files of so many draws of each."""
        return self.kind.names(self.title, num, self.rows.stop - self.rows.start)


def groups_of(run: Opened, observed: Observed, reference: Path | None) -> list[Group]:
    """Put the observations of one file together, and those that came in none, where such files hold several.

    Args:
        run: the run.
        observed: what was seen.
        reference: as of ``kind_of``.
    """
    kinds = {file: kind_of(run, file, reference) for file in dict.fromkeys(observed.files)}

    def place(numbered: tuple[int, tuple[Path | None, str]]) -> Path | str | int:
        row, (file, _) = numbered
        return (file or HELD_OUT_POINTS) if kinds[file].holds_sets else row

    found: list[Group] = []
    for _, members in groupby(enumerate(zip(observed.files, observed.names, strict=True)), key=place):
        (first, (file, title)), *others = members
        title = title if not others else HELD_OUT_POINTS if file is None else title_of_set(title)
        found.append(Group(title, slice(first, first + 1 + len(others)), kinds[file]))
    return found


def names_of(run: Opened, groups: Sequence[Group], num: int) -> list[str]:
    """Name all files that will be written, by their places in the folder for results."""
    names = [ARRAYS, SCATTER if len(run.spec.shape) == 1 else GRID]
    return names + [f"{FOLDER}/{name}" for group in groups for name in group.names(num)]


def save_restored(
    out: Path,
    run: Opened,
    observed: Observed,
    draws: Draws,
    drawn: Part,
    reference: Path | None,
    groups: Sequence[Group],
) -> dict[str, Path]:
    """Write restored samples to a new folder.

    Args:
        out: the folder.
        run: the run.
        observed: what was seen.
        draws: what was asked for.
        drawn: what was drawn.
        reference: as of ``kind_of``.
        groups: from ``groups_of``.

    Returns:
        What was written, by what it is.
    """
    found = Restored.of(run, drawn, draws.num, draws.kept)
    largest = max(float(found.std.max()), np.finfo(np.float64).tiny)
    for group in groups:
        _save_group(out / FOLDER, group, found, largest)
    arrays = write_atomically(
        out / ARRAYS, _arrays(found, draws, observed.names, run.spec.class_names or ()), durable=True
    )
    x = drawn[SAMPLES]
    if x.ndim == 2:
        picture = draw_points(out / SCATTER, run, observed, draws, x)
    else:
        picture = overview(out / GRID, run, observed, draws, x, reference)
    return {"picture": picture, "restored": out / FOLDER, "arrays": arrays}


def _save_group(folder: Path, group: Group, found: Restored, largest: float) -> None:
    """Write every draw, means and standard deviations."""
    kind, title, rows = group.kind, group.title, group.rows
    files = (
        kind.of_draws(title, found.draws[rows]),
        kind.of_mean(title, found.mean[rows]),
        kind.of_std(title, found.std[rows], largest),
    )
    for some in files:
        for name, content in some:
            write_atomically(folder / name, content)


def _arrays(found: Restored, draws: Draws, names: Sequence[str], class_names: Sequence[str]) -> bytes:
    """Return exact values of all, as a .npz file."""
    seeds = (draws.seed + np.arange(len(draws))).reshape(len(names), draws.num)
    told: dict[str, Any] = {"effective": found.effective, "classes": found.classes}
    if found.classes is not None:
        told |= {"class_names": np.asarray([*class_names, NO_CLASS])}
    known = {name: values for name, values in told.items() if values is not None}
    return npz_bytes(data=found.draws, mean=found.mean, std=found.std, names=np.asarray(names), seeds=seeds, **known)
