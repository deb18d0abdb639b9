"""Weight files of other programs. This is the only place that opens a pickle, and only as plain tensors."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.core.places import kind_at
from idm.interop.architectures import flags_to_check, other_network
from idm.interop.nested import Weights, find_weights
from idm.interop.pickles import oddity

NAMES_SHOWN = 3
"""How many names of parameters a message tells."""

EXAMPLE = "time_embed.0.weight"
"""A parameter that every network of improved-diffusion has."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict as ``locate_weights`` does, and say nothing of where it was."""
    return locate_weights(path).tensors


def locate_weights(path: Path) -> Weights:
    """Read a state dict from a .pt or .safetensors file, onto the CPU. Code in the file is never run.

    It may lie within others, such as ``{"model": ..., "ema": ...}``, of which an average is taken; prefixes such as
    "module." are taken off its names.

    Raises:
        CheckpointError: nothing there, damaged, or no state dict in it.
    """
    if not path.is_file():
        raise CheckpointError(f"weights {path}: a .pt or .safetensors file wanted, got {kind_at(path)}; check the path")
    content = _content(path)
    weights = find_weights(content)
    if weights is None:
        raise CheckpointError(
            f"weights {path}: a state dict (tensors by name, such as {EXAMPLE}) wanted, got {_told(content)}; save "
            "nothing but the network's state_dict()"
        )
    return weights


def _content(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        odd = oddity(path)
        if odd is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of files that torch.save did not write; they are refused below
                return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged pickle makes torch's reader stumble over
        raise CheckpointError(
            f"weights {path}: a state dict (tensors by name) wanted, got a damaged file or one that holds more than "
            f"tensors ({type(error).__name__}); get the file again"
        ) from error
    raise CheckpointError(
        f"weights {path}: a state dict (tensors by name) as torch.save writes it wanted, got {odd}; save nothing but "
        "the network's state_dict()"
    )


def _told(content: Any) -> str:
    """Say what was found in place of a state dict, without looking into it."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    first = [f"{key!r:.40} ({type(value).__name__})" for key, value in list(content.items())[:NAMES_SHOWN]]
    more = ", ..." if len(content) > NAMES_SHOWN else ""
    return f"a dict of {', '.join(first)}{more}" if first else "an empty dict"


def refuse_other_weights(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Compare names and shapes of parameters.

    Raises:
        CheckpointError: they differ; one line with the first differences, and what the weights are if that is known.
    """
    shapes = {
        name: f"{name} {tuple(found[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    }
    missing = [name for name in wanted if name not in found]
    unknown = [name for name in found if name not in wanted]
    groups = {"missing": missing, "unknown": unknown, "of another shape": list(shapes.values())}
    said = [f"{len(names)} {what} ({_few(names)})" for what, names in groups.items() if names]
    if not said:
        return
    other = other_network(found.keys(), wanted)
    first = flags_to_check([*missing, *unknown, *shapes])
    advice = "choose other weights" if other else f"check the flags{f', {first} first' if first else ''}"
    raise CheckpointError(
        f"weights {path}: the parameters of the network that the flags describe wanted, got "
        f"{f'{other}: ' if other else ''}{', '.join(said)}; {advice}"
    )


def usable(path: Path, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the weights in float32, in memory of their own.

    Raises:
        CheckpointError: weights that are no finite numbers, or not all stored.
    """
    return {name: _usable(path, name, value) for name, value in found.items()}


def _usable(path: Path, name: str, value: Tensor) -> Tensor:
    def refuse(found: str) -> CheckpointError:
        return CheckpointError(
            f"weights {path}: finite floating-point numbers wanted, got {found} in {name}; get the file again"
        )

    if not value.is_floating_point() or value.layout is not torch.strided:
        raise refuse(str(value.dtype).removeprefix("torch.") if value.layout is torch.strided else "a sparse tensor")
    if value.device.type != "cpu" or value.untyped_storage().nbytes() < value.numel() * value.element_size():
        raise refuse("fewer numbers than its shape has")
    numbers = value.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if not numbers.isfinite().all():
        raise refuse("NaN or infinity")
    return numbers


def _few(names: list[str]) -> str:
    shown = [f"{name:.100}" for name in names[:NAMES_SHOWN]]
    return ", ".join(shown) + (", ..." if len(names) > NAMES_SHOWN else "")
