"""Writing the files of a checkpoint so that they outlast a crash of the machine."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from idm.core.errors import CheckpointError, NumericalError
from idm.training.manifest import LARGEST_JSON, as_text


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors and sync the file.

    Raises:
        NumericalError: a value is not finite; nothing is written.
        OSError: the disk refuses.
    """
    here = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    if name := first_not_finite(here):
        raise NumericalError(f"checkpoint {path.parent.name}: {path.stem} {name} is not finite; nothing is written")
    _write(path, save(here))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document as JSON and sync the file.

    Raises:
        NumericalError: a number is not finite; nothing is written.
        CheckpointError: it is larger than what is read again.
        OSError: the disk refuses.
    """
    try:
        content = as_text(document).encode("utf-8")
    except ValueError as error:
        raise NumericalError(f"checkpoint: a number in {path.name} is not finite; nothing is written") from error
    if len(content) > LARGEST_JSON:
        raise CheckpointError(
            f"checkpoint: {path.name} of at most {LARGEST_JSON:,} bytes wanted, got {len(content):,}; "
            "are there too many classes, or too long names of them?"
        )
    _write(path, content)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of another at once: whatever happens, the old one or the new one is there, and whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        _write(partial, content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """Put a text in place of a file, as ``replace_file`` does."""
    replace_file(path, text.encode("utf-8"))


def first_not_finite(tensors: Mapping[str, Tensor]) -> str:
    """Name of the first tensor that holds NaN or infinity; empty if there is none."""
    floating = ((name, value) for name, value in tensors.items() if value.is_floating_point() or value.is_complex())
    return next((name for name, value in floating if not bool(torch.isfinite(value).all())), "")


def sync(path: Path) -> None:
    """Have a file's content, or a folder's list of names, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(
    what: str | Path, error: OSError, folder: Path, groups: Mapping[str, Mapping[str, Tensor]]
) -> CheckpointError:
    """Return the error that says what the disk refused, how many bytes tensors need, and how many the disk has."""
    needed = sum(value.numel() * value.element_size() for group in groups.values() for value in group.values())
    free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    return CheckpointError(
        f"{what}: cannot write ({error.strerror or error}; {needed:,} bytes needed, {free:,} free); "
        "earlier checkpoints are untouched"
    )


def _write(path: Path, content: bytes) -> None:
    """Write a new file: one that is there, or a link, is neither followed nor altered."""
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
