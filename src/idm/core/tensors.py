"""Small tensor helpers used by every room."""

import math

from torch import Tensor

from idm.core.errors import SettingsError

LN_2 = math.log(2.0)


def mean_flat(x: Tensor) -> Tensor:
    """Mean over every axis but the first: [b, ...] -> [b]."""
    return x.flatten(1).mean(1) if x.ndim > 1 else x


def append_dims(x: Tensor, ndim: int) -> Tensor:
    """Add trailing axes of length one until ``x`` has ``ndim`` axes, so that it broadcasts per sample."""
    return x.reshape(x.shape + (1,) * (ndim - x.ndim))


def nats_to_bits(nats: Tensor) -> Tensor:
    """Convert natural-log units to bits (divide by ln 2)."""
    return nats / LN_2


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
