"""Sinusoidal embedding of network times."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def timestep_embedding(
    timesteps: Shaped[Tensor, " b"], dim: int, max_period: float = 10_000.0
) -> Float[Tensor, "b dim"]:
    """Embed times as cosines, then sines, of geometrically spaced frequencies (Vaswani et al. 2017).

    Frequency i is max_period^(-i / half) with half = dim // 2, as in improved DDPM: cosines first, and "half"
    rather than "half - 1" in the exponent, which published weights depend on.

    Args:
        timesteps: times [b], whole or fractional.
        dim: number of features; an odd one ends in a zero.
        max_period: longest period, 2 pi times this.

    Returns:
        float64 for float64 times, else float32.
    """
    dtype = torch.float64 if timesteps.dtype == torch.float64 else torch.float32
    half = dim // 2
    exponent = torch.arange(half, dtype=dtype, device=timesteps.device) / max(half, 1)
    angles = timesteps.to(dtype)[:, None] * torch.exp(-math.log(max_period) * exponent)
    waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
    return torch.nn.functional.pad(waves, (0, dim % 2))
