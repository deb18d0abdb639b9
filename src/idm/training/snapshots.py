"""Averages of the weights, kept along a run, from which averages of other widths are made afterwards.

RUN/averages/step-00005000/{power-0.05.safetensors, power-0.1.safetensors, manifest.json}

They are stored as float32: rounded to float16, an average made of them would be 0.5 to 29 % of its distance from the
nearest stored one off, instead of 0.05 to 1.6 %.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.core.places import folder_in, remove
from idm.core.progress import warn
from idm.core.text import one_line
from idm.storage import Checkpoint
from idm.storage.checkpoint import write_folder
from idm.storage.manifest import damage, step_name, step_of
from idm.storage.retention import discard, leftovers
from idm.training.ema import PowerFunction
from idm.training.power_function import Average

SNAPSHOTS = "averages"
PREFIX = "power-"


@dataclass(frozen=True)
class Snapshot:
    """A stored average.

    Attributes:
        path: its file.
        average: which average it is.
    """

    path: Path
    average: Average


def save_snapshot(run_folder: Path, step: int, averages: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Keep averages, by the names of their profiles, whatever becomes of the checkpoints.

    Raises:
        CheckpointError: the disk refuses.
        NumericalError: something is not finite; nothing is written.
    """
    write_folder(run_folder / SNAPSHOTS / step_name(step), step, tensors=averages, documents={})


def stored_averages(run_folder: Path) -> list[Path]:
    """Folders of a run's snapshots, oldest first, whether intact or not."""
    return [path for path in sorted((run_folder / SNAPSHOTS).glob("step-*")) if step_of(path) is not None]


def discard_after(run_folder: Path, step: int) -> None:
    """Remove the snapshots of steps that are not done any more, and what a crash left of others.

    Raises:
        CheckpointError: their folder is a link, which may lead to anything.
    """
    folder = folder_in(run_folder, SNAPSHOTS)
    for path in stored_averages(run_folder):
        if (step_of(path) or 0) > step:
            discard(path)
    for leftover in leftovers(folder):
        remove(leftover)


def snapshots_until(run_folder: Path, last: Checkpoint) -> list[Snapshot]:
    """Return the intact snapshots of a run up to a checkpoint, and the averages in that itself, oldest first.

    A line on standard error tells of each that is damaged.
    """
    intact: list[Path] = []
    for path in (path for path in stored_averages(run_folder) if (step_of(path) or 0) < last.step):
        if problem := damage(path):
            warn(f"averages {path}: damaged ({problem}); the others are used")
        else:
            intact.append(path)
    files = [file for path in [*intact, last.path] for file in sorted(path.glob(f"{PREFIX}*.safetensors"))]
    return [Snapshot(file, Average(step_of(file.parent) or 0, _gamma_in(file))) for file in files]


def _gamma_in(file: Path) -> float:
    """Return the exponent of the average in a file, whose name tells its width.

    Raises:
        CheckpointError: it tells none.
    """
    try:
        return PowerFunction(float(file.stem.removeprefix(PREFIX))).gamma
    except ValueError as error:
        raise CheckpointError(f"averages {file}: a width in the name wanted, as in {PREFIX}0.1; remove it") from error


def blend(snapshots: Sequence[Snapshot], weights: Sequence[float]) -> dict[str, Tensor]:
    """Add up stored averages with a weight each, tensor by tensor: in memory are the result and one tensor more.

    Sums are in float64, and rounded to the format of the files once.

    Raises:
        CheckpointError: a file cannot be read, or its tensors are not those of the first one.
    """
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(safe_open(snapshot.path, "pt")) for snapshot in snapshots]
            made = {name: torch.empty_like(files[0].get_tensor(name)) for name in files[0].keys()}  # noqa: SIM118
            for name, value in made.items():  # made before the sums are, in which the heap would leave holes
                value.copy_(_weighted_sum((file.get_tensor(name) for file in files), weights))
            return made
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"averages {snapshots[0].path.parent.parent}: cannot be added up ({one_line(error)})"
        ) from error


def _weighted_sum(values: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
    terms = zip(values, weights, strict=True)
    first, weight = next(terms)
    total = first.double() * weight
    for value, weight in terms:
        total.add_(value, alpha=weight)
    return total
