"""Checkpoints: a folder of safetensors and JSON files with a manifest of their hashes.

A checkpoint is written into a temporary sibling, synced and renamed, so that a crash leaves the old ones
whole. The manifest (name, size, SHA-256 of every file) is written last; a checkpoint counts only if it
verifies, and the newest is found by looking, never by a pointer.

    RUN/checkpoints/step-00003000/{*.safetensors, *.json, manifest.json}
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from idm.core.errors import CheckpointError

FOLDER, MANIFEST = "checkpoints", "manifest.json"
_NAME = re.compile(r"step-(\d{8})")
Json = dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint on disk; nothing is read before it is asked for."""

    path: Path

    @property
    def step(self) -> int:
        """Completed optimiser steps."""
        match = _NAME.fullmatch(self.path.name)
        return int(match.group(1)) if match else 0

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Read the tensors of ``name``.safetensors, on the CPU."""
        try:
            return load_file(self.path / f"{name}.safetensors")
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"checkpoint {self.path}: cannot read {name}.safetensors ({error})") from error

    def document(self, name: str) -> Json:
        """Read ``name``.json."""
        try:
            return json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"checkpoint {self.path}: cannot read {name}.json ({error})") from error


def save_checkpoint(
    run: Path,
    step: int,
    *,
    tensors: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Json],
    keep: int = 2,
) -> Checkpoint:
    """Write a checkpoint, verify it, then drop the oldest ones beyond ``keep``.

    Raises:
        CheckpointError: the disk refuses; earlier checkpoints are as they were.
    """
    final = run / FOLDER / f"step-{step:08d}"
    partial = final.with_name(f".{final.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, group in tensors.items():
            _write_tensors(partial / f"{name}.safetensors", group)
        for name, document in documents.items():
            _write_json(partial / f"{name}.json", document)
        _write_json(partial / MANIFEST, {"files": {file.name: _entry(file) for file in sorted(partial.iterdir())}})
        _sync(partial)
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        _sync(final.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"checkpoint {final}: cannot write ({error.strerror or error}); earlier checkpoints are untouched"
        ) from error
    _prune(run, keep)
    return Checkpoint(final)


def latest_checkpoint(run: Path) -> Checkpoint | None:
    """Find the newest checkpoint of a run that verifies; None if there is none.

    Where newer ones are damaged, a line on standard error says so, once per process.
    """
    damaged: list[tuple[str, str]] = []
    for path in sorted((run / FOLDER).glob("step-*"), reverse=True):
        if not _NAME.fullmatch(path.name):
            continue
        problem = damage(path)
        if not problem:
            if damaged:
                _warn(path, tuple(damaged))
            return Checkpoint(path)
        damaged.append((path.name, problem))
    return None


@cache
def _warn(used: Path, damaged: Sequence[tuple[str, str]]) -> None:
    newer = ", ".join(f"{name} ({problem})" for name, problem in damaged)
    print(f"warning: run {used.parent.parent}: damaged: {newer}; the older {used.name} is used", file=sys.stderr)


def open_checkpoint(path: Path) -> Checkpoint:
    """Open the newest checkpoint of a run folder, or one checkpoint folder.

    Raises:
        CheckpointError: nothing there, or nothing intact.
    """
    if not path.is_dir():
        raise CheckpointError(f"run {path}: no such folder; give a folder written by 'idm train'")
    if (path / MANIFEST).is_file():
        if problem := damage(path):
            raise CheckpointError(f"checkpoint {path}: damaged ({problem}); use another checkpoint of the run")
        return Checkpoint(path)
    found = latest_checkpoint(path)
    if found is None:
        broken = [f"{child.name}: {damage(child)}" for child in sorted((path / FOLDER).glob("step-*"))]
        detail = f"every checkpoint is damaged ({'; '.join(broken)})" if broken else "it holds no checkpoint"
        raise CheckpointError(f"run {path}: {detail}; give a folder written by 'idm train'")
    return found


def damage(path: Path) -> str:
    """Say what is wrong with a checkpoint folder; empty if every file has its recorded size and hash."""
    try:
        files = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, entry in files.items():
            if _entry(path / name) != entry:
                return f"{name} is not what was written"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"manifest or file unreadable: {error}"
    return ""


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)
    path.chmod(0o666 & ~_umask())
    _sync(path)


def _write_json(path: Path, document: Json) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _sync(path)


def _entry(path: Path) -> Json:
    with path.open("rb") as stream:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _prune(run: Path, keep: int) -> None:
    intact = [path for path in sorted((run / FOLDER).glob("step-*")) if _NAME.fullmatch(path.name)]
    for path in intact[:-keep]:
        shutil.rmtree(path, ignore_errors=True)
    for path in (run / FOLDER).glob(".step-*.partial"):
        shutil.rmtree(path, ignore_errors=True)
