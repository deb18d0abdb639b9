"""Checkpoints: a folder of safetensors and JSON files with a manifest of their hashes.

A checkpoint is written into a temporary sibling, synced and renamed, so that a crash leaves the old ones
whole. The manifest (name, size, SHA-256 of every file) is written last; a checkpoint counts only if it
verifies, and the newest is found by looking, never by a pointer.

    RUN/checkpoints/step-00003000/{*.safetensors, *.json, manifest.json}
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.core.places import exists, folder_in, remove
from idm.storage.disk import cannot_write, sync, write_json, write_tensors
from idm.storage.manifest import MANIFEST, Json, Score, damage, make_manifest, read_json, step_name, step_of
from idm.storage.retention import FOLDER, Retention, tidy


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
    run_folder: str | Path,
    step: int,
    *,
    tensors: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Json],
    keep: Retention | None = None,
    score: Score | None = None,
) -> Checkpoint:
    """Write a checkpoint, verify it, then drop those that need not be kept.

    Args:
        run_folder: folder of the run.
        step: completed optimiser steps.
        tensors: tensors by name, by the name of their file.
        documents: JSON-able values by the name of their file.
        keep: which checkpoints stay, the two newest by default; none is dropped before the new one has been read back.
        score: what the best ones are chosen by.

    Raises:
        NumericalError: a tensor is not finite; nothing is written.
        CheckpointError: the disk refuses; earlier checkpoints are as they were.
    """
    run_folder = Path(run_folder)
    final = run_folder / FOLDER / step_name(step)
    write_folder(final, step, tensors=tensors, documents=documents, score=score)
    tidy(run_folder, keep or Retention())
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


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)


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
