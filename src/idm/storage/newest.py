"""Finding the checkpoint of a run that is newest and intact."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from idm.core.errors import CheckpointError
from idm.core.progress import warn
from idm.storage.checkpoint import Checkpoint
from idm.storage.manifest import MANIFEST, damage
from idm.storage.retention import folders

T = TypeVar("T")
TRIES = 5
"""How often a run is looked at anew where a training that goes on has dropped what was found."""


def latest_checkpoint(run_folder: str | Path) -> Checkpoint | None:
    """Find the newest checkpoint of a run that verifies; None if there is none.

    Where newer ones are damaged, a line on standard error says so, once per process.
    """
    run_folder = Path(run_folder)
    for _ in range(TRIES):
        damaged: list[tuple[str, str]] = []
        paths = folders(run_folder)
        for path in reversed(paths):
            problem = damage(path)
            if not problem:
                if damaged:
                    _warn(path, tuple(damaged))
                return Checkpoint(path)
            if path.is_dir():  # otherwise a training that goes on has dropped it
                damaged.append((path.name, problem))
        if damaged or not paths:
            break
    return None


def checkpoint_of_step(run_folder: Path, step: int) -> Checkpoint | None:
    """Return the newest checkpoint of a run, if it is of that step."""
    found = latest_checkpoint(run_folder)
    return found if found is not None and found.step == step else None


def checkpoint_to_continue(run_folder: str | Path) -> Checkpoint | None:
    """Find the checkpoint that training in a folder goes on from; None where it begins.

    Raises:
        CheckpointError: there are checkpoints, and none is intact: beginning anew would cost what is left of them.
    """
    run_folder = Path(run_folder)
    found = latest_checkpoint(run_folder)
    if found is None and folders(run_folder):
        raise CheckpointError(
            f"run {run_folder}: {_all_damaged(run_folder)}; nothing was changed: check the disk, restore a checkpoint, "
            "or choose a new folder"
        )
    return found


def intact_checkpoints(run_folder: str | Path) -> list[Checkpoint]:
    """Return all checkpoints of a run that verify, oldest first."""
    return [Checkpoint(path) for path in folders(Path(run_folder)) if not damage(path)]


@cache
def _warn(used: Path, damaged: Sequence[tuple[str, str]]) -> None:
    newer = ", ".join(f"{name} ({problem})" for name, problem in damaged)
    warn(f"run {used.parent.parent}: damaged: {newer}; the older {used.name} is used")


def open_checkpoint(path: str | Path) -> Checkpoint:
    """Open the newest checkpoint of a run folder, or one checkpoint folder.

    Raises:
        CheckpointError: nothing there, or nothing intact.
    """
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(f"run {path}: no such folder; give a folder written by 'idm train'")
    if (path / MANIFEST).is_file():
        if problem := damage(path):
            raise CheckpointError(f"checkpoint {path}: damaged ({problem}); use another checkpoint of the run")
        return Checkpoint(path)
    found = latest_checkpoint(path)
    if found is None:
        detail = _all_damaged(path) if folders(path) else "it holds no checkpoint"
        raise CheckpointError(f"run {path}: {detail}; give a folder written by 'idm train'")
    return found


def read_newest(path: Path, read: Callable[[Checkpoint], T]) -> T:
    """Read the newest checkpoint of a run folder, or one checkpoint folder.

    Where a training that goes on drops the checkpoint while it is read, the one that is the newest then is read.

    Args:
        path: the folder.
        read: what is done with the checkpoint.

    Raises:
        CheckpointError: nothing there, nothing intact, or ``read`` finds it unreadable.
    """
    for _ in range(TRIES - 1):
        checkpoint = open_checkpoint(path)
        try:
            return read(checkpoint)
        except (CheckpointError, FileNotFoundError):
            if checkpoint.path.is_dir() or checkpoint.path == path:
                raise
    return read(open_checkpoint(path))


def _all_damaged(run_folder: Path) -> str:
    broken = [f"{path.name}: {damage(path)}" for path in folders(run_folder)]
    return f"every checkpoint is damaged ({'; '.join(broken)})"
