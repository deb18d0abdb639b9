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


def check_labels(y: Tensor | None, num_classes: int | None, num_attributes: int = 0) -> None:
    """Refuse labels that a network was not built for, and none where it was.

    Raises:
        SettingsError: as said.
    """
    if num_attributes:
        if y is None or y.ndim != 2 or y.shape[1] != num_attributes:
            got = "none" if y is None else f"shape {tuple(y.shape)}"
            raise SettingsError(f"network: labels y [b, {num_attributes}] wanted, got {got}")
        return
    if (y is None) != (num_classes is None):
        wanted = "no labels" if num_classes is None else "labels y"
        raise SettingsError(f"network: {wanted} wanted, it was built with num_classes={num_classes}")


class AttributeEmbedding(nn.Sequential):
    """The embedding of labels that are numbers, through a small network; what is missing has an embedding of its own.

    The first layer is shown every number, 0 where it is missing, and whether it is: its second half holds what stands
    for a missing one.
    """

    def __init__(self, num_attributes: int, features: int) -> None:
        """Map ``num_attributes`` numbers to ``features`` features."""
        super().__init__(nn.Linear(2 * num_attributes, features), nn.SiLU(), nn.Linear(features, features))

    def forward(self, input: Float[Tensor, "b attributes"]) -> Float[Tensor, "b features"]:
        """Embed numbers [b, attributes], NaN where one is missing, in the dtype of the parameters."""
        missing = input.isnan()
        shown = torch.cat([input.masked_fill(missing, 0.0), missing.to(input.dtype)], dim=1)
        return super().forward(shown.to(next(self.parameters()).dtype))


def label_embedding(num_classes: int | None, num_attributes: int, features: int) -> nn.Module | None:
    """Return what embeds labels: classes, or numbers; None where there are none.

    Raises:
        SettingsError: both.
    """
    if num_classes is not None and num_attributes:
        raise SettingsError(
            f"network: num_classes or num_attributes wanted, got both ({num_classes} and {num_attributes})"
        )
    if num_attributes:
        return AttributeEmbedding(num_attributes, features)
    return None if num_classes is None else nn.Embedding(num_classes, features)
