"""Writing the files of a checkpoint so that they outlast a crash of the machine."""

import cmath
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from idm.core.errors import CheckpointError, NumericalError
from idm.core.files import write_new
from idm.storage.manifest import LARGEST_JSON_BYTES, as_text


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors and sync the file.

    Raises:
        NumericalError: a value is not finite; nothing is written.
        OSError: the disk refuses.
    """
    here = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    if name := first_not_finite(here):
        raise NumericalError(f"checkpoint {path.parent.name}: {path.stem} {name} is not finite; nothing is written")
    write_new(path, save(here), durable=True)


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
    if len(content) > LARGEST_JSON_BYTES:
        raise CheckpointError(
            f"checkpoint: {path.name} of at most {LARGEST_JSON_BYTES:,} bytes wanted, got {len(content):,}; "
            "are there too many classes, or too long names of them?"
        )
    write_new(path, content, durable=True)


def first_not_finite(tensors: Mapping[str, Tensor]) -> str:
    """Name of the first tensor that holds NaN or infinity; empty if there is none."""
    floating = {name: value for name, value in tensors.items() if value.is_floating_point() or value.is_complex()}
    # A sum is finite only if all its terms are, and takes one pass; of finite terms it may still overflow.
    if all(cmath.isfinite(value.sum().item()) for value in floating.values()):
        return ""
    return next((name for name, value in floating.items() if not bool(torch.isfinite(value).all())), "")


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
