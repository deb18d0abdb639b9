"""Small tensor helpers used by every room."""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from idm.core.errors import NumericalError, SettingsError

LN_2 = math.log(2.0)

Key = TypeVar("Key")
Made = TypeVar("Made")


def mean_flat(x: Tensor) -> Tensor:
    """Mean over every axis but the first: [b, ...] -> [b]."""
    return x.flatten(1).mean(1) if x.ndim > 1 else x


def append_dims(x: Tensor, ndim: int) -> Tensor:
    """Add trailing axes of length one until ``x`` has ``ndim`` axes, so that it broadcasts per sample."""
    return x.reshape(x.shape + (1,) * (ndim - x.ndim))


def nats_to_bits(nats: Tensor) -> Tensor:
    """Convert natural-log units to bits (divide by ln 2)."""
    return nats / LN_2


def made_once(known: dict[Key, Made], key: Key, make: Callable[[], Made]) -> Made:
    """Return what is known under a key; tensors that are made for it may be used where gradients are wanted, too."""
    if key not in known:
        with torch.inference_mode(False):  # or gradients could never flow past them
            known[key] = make()
    return known[key]


def wide(x: Tensor) -> Tensor:
    """Return ``x`` in float64, on a device that has it: Apple's MPS has not."""
    return x.to("cpu" if x.device.type == "mps" else x.device, torch.float64)


def network_output(output: object) -> Tensor:
    """Return what a network returned, if it is a tensor.

    Raises:
        SettingsError: an object, as some libraries' networks return, or a tuple or nothing.
    """
    if not isinstance(output, Tensor):
        raise SettingsError(
            f"network: a tensor wanted as its output, got {type(output).__name__}; give a function that returns the "
            "tensor in it, such as lambda x, time, **kwargs: network(x, time, **kwargs).sample"
        )
    return output


def widest(device: torch.device) -> torch.dtype:
    """Return float64, or float32 where the device has none."""
    return torch.float32 if device.type == "mps" else torch.float64


def require_finite(x: Tensor, what: str) -> Tensor:
    """Return results [b, n, ...] as they are, unless some are NaN or infinite: then they are none.

    Args:
        x: results, one per sample; a device is waited for.
        what: what they are, plural.

    Raises:
        NumericalError: how many are not finite.
    """
    bad = int(x.isfinite().flatten(1).all(1).logical_not().sum())
    if bad:
        raise NumericalError(
            f"{what}: finite numbers wanted, got NaN or infinity in {bad:,} of {len(x):,}; the network's weights or "
            "number format are at fault: try another checkpoint, or float32"
        )
    return x
