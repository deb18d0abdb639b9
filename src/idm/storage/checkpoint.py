"""Checkpoints: a folder of safetensors and JSON files with a manifest of their hashes.

A checkpoint is written into a temporary sibling, synced and renamed, so that a crash leaves the old ones
whole. The manifest (name, size, SHA-256 of every file) is written last; a checkpoint counts only if it
verifies, and the newest is found by looking, never by a pointer.

    RUN/checkpoints/step-00003000/{*.safetensors, *.json, manifest.json}
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.core.places import exists, folder_in, remove
from idm.core.progress import warn
from idm.storage.disk import cannot_write, sync, write_json, write_tensors
from idm.storage.manifest import MANIFEST, Json, Score, damage, make_manifest, read_json, step_name, step_of
from idm.storage.retention import FOLDER, Retention, folders, tidy

T = TypeVar("T")
TRIES = 5
"""How often a run is looked at anew where a training that goes on has dropped what was found."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint on disk; nothing is read before it is asked for."""

    path: Path

    @property
    def step(self) -> int:
        """Completed optimiser steps."""
        return step_of(self.path) or 0

    def has(self, name: str) -> bool:
        """Whether there are tensors of that name."""
        return (self.path / f"{name}.safetensors").is_file()

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Read the tensors of ``name``.safetensors, on the CPU."""
        try:
            return load_file(self.path / f"{name}.safetensors")
        except (OSError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"checkpoint {self.path}: cannot read {name}.safetensors ({error})") from error

    @property
    def sha256(self) -> str:
        """Hash of its manifest, and so of all that it holds."""
        return hashlib.sha256((self.path / MANIFEST).read_bytes()).hexdigest()

    def shapes(self, name: str) -> dict[str, tuple[int, ...]]:
        """Read the shapes of the tensors of ``name``.safetensors, but not the tensors."""
        try:
            with safe_open(self.path / f"{name}.safetensors", "pt") as opened:
                return {key: tuple(opened.get_slice(key).get_shape()) for key in opened.keys()}  # noqa: SIM118
        except (OSError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"checkpoint {self.path}: cannot read {name}.safetensors ({error})") from error

    def document(self, name: str) -> Json:
        """Read ``name``.json."""
        try:
            document = read_json(self.path / f"{name}.json")
        except (OSError, ValueError) as error:
            raise CheckpointError(f"checkpoint {self.path}: cannot read {name}.json ({error})") from error
        if not isinstance(document, dict):
            raise CheckpointError(f"checkpoint {self.path}: values by name wanted in {name}.json")
        return document


def save_checkpoint(
    run: str | Path,
    step: int,
    *,
    tensors: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Json],
    keep: Retention | None = None,
    score: Score | None = None,
) -> Checkpoint:
    """Write a checkpoint, verify it, then drop those that need not be kept.

    Args:
        run: folder of the run.
        step: completed optimiser steps.
        tensors: tensors by name, by the name of their file.
        documents: JSON-able values by the name of their file.
        keep: which checkpoints stay, the two newest by default; none is dropped before the new one has been read back.
        score: what the best ones are chosen by.

    Raises:
        NumericalError: a tensor is not finite; nothing is written.
        CheckpointError: the disk refuses; earlier checkpoints are as they were.
    """
    run = Path(run)
    final = run / FOLDER / step_name(step)
    write_folder(final, step, tensors=tensors, documents=documents, score=score)
    tidy(run, keep or Retention())
    return Checkpoint(final)


def write_folder(
    final: Path,
    step: int,
    *,
    tensors: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Json],
    score: Score | None = None,
) -> None:
    """Write a folder of files and their manifest, and verify it before it gets its name; errors as above.

    Args:
        final: a folder in a folder of a run.
        step: completed optimiser steps.
        tensors: as above.
        documents: as above.
        score: as above.

    Raises:
        CheckpointError: there is a link in its place, or in place of the folder that it lies in.
    """
    folder_in(final.parent.parent, final.parent.name, final.name)
    partial = final.with_name(f".{final.name}.partial")
    try:
        remove(partial)
        _make_folder(final.parent)
        partial.mkdir()
        for name, group in tensors.items():
            write_tensors(partial / f"{name}.safetensors", group)
        for name, document in documents.items():
            write_json(partial / f"{name}.json", document)
        write_json(partial / MANIFEST, make_manifest(partial, step, score))
        sync(partial)
        _refuse_damage(partial)
        _take_place(partial, final)
    except OSError as error:
        remove(partial)
        raise cannot_write(f"checkpoint {final}", error, final.parent, tensors) from error
    except BaseException:
        remove(partial)
        raise


def latest_checkpoint(run: str | Path) -> Checkpoint | None:
    """Find the newest checkpoint of a run that verifies; None if there is none.

    Where newer ones are damaged, a line on standard error says so, once per process.
    """
    run = Path(run)
    for _ in range(TRIES):
        damaged: list[tuple[str, str]] = []
        paths = folders(run)
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


def checkpoint_to_continue(run: str | Path) -> Checkpoint | None:
    """Find the checkpoint that training in a folder goes on from; None where it begins.

    Raises:
        CheckpointError: there are checkpoints, and none is intact: beginning anew would cost what is left of them.
    """
    run = Path(run)
    found = latest_checkpoint(run)
    if found is None and folders(run):
        raise CheckpointError(
            f"run {run}: {_all_damaged(run)}; nothing was changed: check the disk, restore a checkpoint, "
            "or choose a new folder"
        )
    return found


def intact_checkpoints(run: str | Path) -> list[Checkpoint]:
    """Return all checkpoints of a run that verify, oldest first."""
    return [Checkpoint(path) for path in folders(Path(run)) if not damage(path)]


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


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)


def _all_damaged(run: Path) -> str:
    broken = [f"{path.name}: {damage(path)}" for path in folders(run)]
    return f"every checkpoint is damaged ({'; '.join(broken)})"


def _refuse_damage(written: Path) -> None:
    """Read a checkpoint back before anything depends on it."""
    if problem := damage(written):
        raise OSError(f"read back otherwise than written: {problem}")


def _take_place(partial: Path, final: Path) -> None:
    """Give a written checkpoint its name; one that has it already goes out of the way and then away."""
    replaced = final.with_name(f".{final.name}.replaced")
    if exists(final):
        remove(replaced)
        final.rename(replaced)
    try:
        partial.rename(final)
    except OSError:
        if replaced.exists():
            replaced.rename(final)
        raise
    sync(final.parent)
