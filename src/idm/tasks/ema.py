"""Averages of the weights of any width, made after training from those that were stored along the run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm.core.errors import CheckpointError, DataError, SettingsError
from idm.core.places import folder_in, usable_folder
from idm.core.progress import warn
from idm.run import Run, load, open_run_data
from idm.run.calibrate import CURVE, calibrate, versions
from idm.storage import Checkpoint, open_checkpoint
from idm.storage.checkpoint import write_folder
from idm.storage.lock import locked
from idm.storage.manifest import step_name
from idm.storage.newest import read_newest
from idm.storage.retention import FOLDER, discard, folders
from idm.training import ema_name
from idm.training.power_function import Average, Combination, combine, gamma_of
from idm.training.snapshots import SNAPSHOTS, Snapshot, blend, snapshots_until

LARGEST_ERROR = 0.15
"""A profile that the stored ones come no nearer to is refused."""

LISTED_STEPS = 10
"""Most of the newest stored steps that are told to those who want another."""


@dataclass(frozen=True)
class Reconstruction:
    """An average made afterwards.

    Attributes:
        checkpoint: where it is, alone in its folder; it can be sampled and evaluated as any other.
        sigma_rel: its width.
        step: completed optimiser steps.
        num_snapshots: stored averages it was made of.
        error: distance of its profile from the wanted one, relative to that one's norm.
        is_calibrated: whether the decoder's variance was fitted anew; False: the run's is kept, as its data are away;
            None: nothing is fitted, the variance is the model's own.
        num_held_out: samples that its run held out, on which it can be scored.
    """

    checkpoint: Path
    sigma_rel: float
    step: int
    num_snapshots: int
    error: float
    is_calibrated: bool | None
    num_held_out: int


def reconstruct(
    run_folder: str | Path,
    sigma_rel: float,
    out: str | Path | None = None,
    *,
    step: int | None = None,
    device: str | None = None,
    trust_code: bool = False,
) -> Reconstruction:
    """Make the average of width ``sigma_rel`` of a run, and write it as a run of its own (Karras et al. 2024, 3.2).

    Args:
        run_folder: a run folder, of which the newest checkpoint is used, or one checkpoint of it.
        sigma_rel: standard deviation of the average's profile, relative to the number of steps done.
        out: the folder to write, RUN/averages/sigma-rel-X by default; an average in it is replaced.
        step: the average's time, a step with a snapshot; the checkpoint's by default.
        device: where the decoder's variance is fitted.
        trust_code: import and call what a custom source or network names; see ``load``.

    Raises:
        SettingsError: a width that the stored averages cannot make, or a step that has none.
        CheckpointError: a run without stored averages, or a folder that holds another run.
        NumericalError: the weights, or what the network returns, are not finite.
    """
    folder = open_checkpoint(run_folder).path.parent.parent
    destination = _free_folder(Path(out or folder_in(folder, SNAPSHOTS, f"sigma-rel-{sigma_rel:g}")))
    with usable_folder(destination), locked(destination):
        return read_newest(
            Path(run_folder),
            lambda source: _reconstruct(
                source, sigma_rel, destination, step=step, device=device, trust_code=trust_code
            ),
        )


def _reconstruct(
    source: Checkpoint,
    sigma_rel: float,
    destination: Path,
    *,
    step: int | None,
    device: str | None,
    trust_code: bool,
) -> Reconstruction:
    """Make the average of a checkpoint's time, or of a step before it; see ``reconstruct``."""
    folder = source.path.parent.parent
    time = source.step if step is None else step
    snapshots = _snapshots(folder, source, time)
    combination = combination_for(snapshots, time, sigma_rel)
    opened = load(source.path, device=device, trust_code=trust_code)
    weights = blend(snapshots, combination.weights)
    opened.network.load_state_dict(weights, strict=False)
    fitted, is_calibrated = _calibration(opened, source)
    documents = {
        "training": {"step": time, "average": {"sigma_rel": sigma_rel, "error": combination.error}},
        "experiment": source.document("experiment"),
        "data": source.document("data"),
        "calibration": fitted,
        "versions": versions(),
    }
    written = destination / FOLDER / step_name(time)
    write_folder(
        written, time, tensors={ema_name(opened.experiment.training.ema_rates[0]): weights}, documents=documents
    )
    _discard_others(written)
    made = len(snapshots), combination.error, is_calibrated
    return Reconstruction(written, sigma_rel, time, *made, opened.spec.num_held_out)


def combination_for(snapshots: list[Snapshot], step: int, sigma_rel: float) -> Combination:
    """Find the weights of stored averages.

    Raises:
        SettingsError: none comes near enough.
    """
    found = combine([snapshot.average for snapshot in snapshots], Average(step, gamma_of(sigma_rel)))
    if found.error > LARGEST_ERROR:
        raise SettingsError(
            f"sigma_rel: a width that the {len(snapshots)} stored averages can make wanted, got {sigma_rel}, which "
            f"they miss by {found.error:.0%}; take one nearer to theirs, or train with a smaller "
            "training.snapshot_interval"
        )
    return found


def _snapshots(folder: Path, source: Checkpoint, step: int) -> list[Snapshot]:
    """Return the stored averages of a step and of those before it."""
    stored = snapshots_until(folder, source)
    if not stored:
        raise CheckpointError(
            f"run {folder}: stored averages wanted, got none; train with training.posthoc_sigma_rels=[0.05, 0.1]"
        )
    steps = sorted({snapshot.average.step for snapshot in stored})
    if step not in steps:
        newest = f"{'..., ' if len(steps) > LISTED_STEPS else ''}{', '.join(map(str, steps[-LISTED_STEPS:]))}"
        raise SettingsError(f"step: a step with stored averages wanted, got {step}; choose from {newest}")
    return [snapshot for snapshot in stored if snapshot.average.step <= step]


def _calibration(run: Run, source: Checkpoint) -> tuple[dict[str, Any], bool | None]:
    """Fit the decoder's variance to the new weights, or keep the old one where the data cannot be opened."""
    before = source.document("calibration")
    if CURVE not in before:
        return before, None
    try:
        data = open_run_data(run)
    except DataError as error:
        warn(f"{error}; the decoder's variance stays as it was")
        return before, False
    return calibrate(run.experiment, run.diffusion, run.network, data), True


def _free_folder(out: Path) -> Path:
    """Return a folder that holds no run but one made here."""
    if not all(map(_is_made_here, folders(out))):
        raise CheckpointError(f"out={out}: a new folder wanted, got one that holds a run; choose another")
    return out


def _is_made_here(path: Path) -> bool:
    try:
        return "average" in Checkpoint(path).document("training")
    except CheckpointError:
        return False


def _discard_others(written: Path) -> None:
    """Leave one average in a folder, so that there is no doubt which one it stands for."""
    for path in folders(written.parent.parent):
        if path != written:
            discard(path)
