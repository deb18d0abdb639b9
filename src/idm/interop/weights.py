"""Weight files of other programs. This is the only place that opens a pickle, and only as plain tensors."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from idm.core.errors import CheckpointError

NAMES_SHOWN = 3
"""How many names of parameters a message tells."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a .pt or .safetensors file, onto the CPU. Code in the file is never run.

    Raises:
        CheckpointError: nothing there, damaged, or not a state dict.
    """
    if not path.is_file():
        raise CheckpointError(f"weights {path}: a .pt or .safetensors file wanted, got nothing there")
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that torch.save did not write; they are refused below
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"weights {path}: a state dict (tensors by name) wanted, got a damaged file or one that holds more than "
            f"tensors ({type(error).__name__}); get the file again"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()) or not state:
        raise CheckpointError(f"weights {path}: a state dict (tensors by name) wanted, got {type(state).__name__}")
    return state


def refuse_other_weights(path: Path, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Compare names and shapes of parameters.

    Raises:
        CheckpointError: they differ; one line with the first differences.
    """
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    groups = {
        "missing": [name for name in wanted if name not in found],
        "unknown": [name for name in found if name not in wanted],
        "of another shape": shapes,
    }
    said = [f"{len(names)} {what} ({_few(names)})" for what, names in groups.items() if names]
    if said:
        raise CheckpointError(
            f"weights {path}: the parameters of the network that the flags describe wanted, got "
            f"{', '.join(said)}; check the flags"
        )


def _few(names: list[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
