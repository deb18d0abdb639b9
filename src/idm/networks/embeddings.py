"""What networks are told besides the noisy samples: times, as sinusoids, and labels."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from idm.core.errors import SettingsError


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
    angles = timesteps[:, None] * torch.exp(-math.log(max_period) * exponent)
    waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
    return torch.nn.functional.pad(waves, (0, 1)) if dim % 2 else waves


class TimeEmbedding(nn.Sequential):
    """The embedding of times, through a small network; its layers have improved-diffusion's names."""

    def __init__(self, num_waves: int, features: int) -> None:
        """Map ``num_waves`` sinusoids to ``features`` features."""
        super().__init__(nn.Linear(num_waves, features), nn.SiLU(), nn.Linear(features, features))
        self.num_waves = num_waves

    def forward(self, input: Shaped[Tensor, " b"]) -> Float[Tensor, "rows features"]:
        """Embed times [b], in the dtype of the parameters.

        Returns:
            [b, features]; [1, features], to broadcast, where the times are an expanded view of a single number.
        """
        dtype = next(self.parameters()).dtype
        input = input[:1] if input.stride(0) == 0 else input
        waves = timestep_embedding(input.double() if dtype == torch.float64 else input, self.num_waves)
        return super().forward(waves.to(dtype))


def check_labels(y: Tensor | None, num_classes: int | None) -> None:
    """Refuse labels for a network without classes, and a network with classes without labels.

    Raises:
        SettingsError: one without the other.
    """
    if (y is None) != (num_classes is None):
        wanted = "no labels" if num_classes is None else "labels y"
        raise SettingsError(f"network: {wanted} wanted, it was built with num_classes={num_classes}")
