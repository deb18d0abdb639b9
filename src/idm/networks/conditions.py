"""Conditions: fields that a network is shown beside the noisy samples, as further channels."""

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor

from idm.core.errors import SettingsError

ENLARGE = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""How smaller conditions are brought to the size of samples, by the number of spatial axes."""


def beside(x: Tensor, condition: Tensor | None) -> Tensor:
    """Lay a condition [b, k, *smaller] beside samples [b, c, *space], as channels [b, c + k, *space].

    A smaller one is enlarged linearly along every axis (linear, bilinear, trilinear): its outer edges become those of
    the samples, and beyond the centres of its outer places it is constant.
    """
    if condition is None:
        return x
    condition = condition.to(x.dtype)
    if condition.shape[2:] != x.shape[2:]:
        condition = F.interpolate(condition, size=list(x.shape[2:]), mode=ENLARGE[x.ndim - 2])
    return torch.cat([x, condition], dim=1)


def check_condition(condition: Tensor | None, channels: int, dims: int) -> None:
    """Refuse a condition that a network was not built for, and none where it was.

    Args:
        condition: what is shown.
        channels: that the network was built for; 0: none.
        dims: spatial axes of the samples, which are those of the condition.

    Raises:
        SettingsError: as said.
    """
    if (condition is None) != (channels == 0):
        wanted = "a condition" if channels else "no condition"
        raise SettingsError(f"network: {wanted} wanted, it was built with condition_channels={channels}")
    if condition is not None and (condition.ndim != dims + 2 or condition.shape[1] != channels):
        raise SettingsError(
            f"network: a condition of {channels} channels and {dims} spatial axes wanted, got shape "
            f"{tuple(condition.shape)}"
        )
