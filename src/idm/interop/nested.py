"""Finding the weights in what a training script saved: state dicts within others, names behind prefixes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

AVERAGES = (
    "ema",
    "ema_model",
    "model_ema",
    "ema_state_dict",
    "ema_model_state_dict",
    "model_ema_state_dict",
    "params_ema",
    "ema_params",
)
"""Names under which averaged weights are stored; they come before those of ``TRAINED``."""

TRAINED = ("model", "state_dict", "model_state_dict", "network", "net", "unet", "denoiser", "params", "module")
"""Names under which the weights of the last step are stored."""

PREFIXES = ("module.", "_orig_mod.", "model.", "ema_model.", "diffusion_model.", "denoiser.", "unet.", "net.")
"""What wrappers (parallel training, compilation, averages) put before the names of all parameters."""

DEEPEST = 4
"""State dicts are looked for within so many others."""


@dataclass(frozen=True)
class Weights:
    """A state dict and where it was.

    Attributes:
        tensors: parameters by name.
        place: names of the entries that led to it; empty if it was the whole.
        passed_over: other entries beside it that may hold weights too.
        prefix: what was taken off the front of all names.
    """

    tensors: dict[str, Tensor]
    place: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def note(self) -> str:
        """Where the weights were, in a few words; "" if there is nothing to say."""
        parts = [f"entry '{'.'.join(self.place)}'"] if self.place else []
        parts += [f"not '{name}'" for name in self.passed_over]
        return ", ".join(parts + ([f"names without '{self.prefix}'"] if self.prefix else []))


def find_weights(content: Any) -> Weights | None:
    """Find the state dict: the whole, or an entry of one of the usual names; an average rather than a last step."""
    found = _search(content, DEEPEST)
    return None if found is None else _without_prefix(found)


def _search(content: Any, depth: int) -> Weights | None:
    if not isinstance(content, Mapping):
        return None
    if content and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()):
        return Weights(dict(content))
    here = [name for name in (*AVERAGES, *TRAINED) if isinstance(content.get(name), Mapping)]
    for name in here if depth > 0 else ():
        found = _search(content[name], depth - 1)
        if found is not None:
            others = found.passed_over or tuple(other for other in here if other != name)
            return replace(found, place=(name, *found.place), passed_over=others)
    return None


def _without_prefix(found: Weights) -> Weights:
    """Take off the prefixes that all names have; of a wrapper that holds a model and its average, keep the average."""
    tensors, taken = found.tensors, ""
    averaged = {name: value for name, value in tensors.items() if name.startswith("ema_model.")}
    tensors = averaged or tensors
    while (prefix := _common_prefix(tensors)) is not None:
        taken += prefix
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return replace(found, tensors=tensors, prefix=taken)


def _common_prefix(names: Iterable[str]) -> str | None:
    return next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in names)), None)
