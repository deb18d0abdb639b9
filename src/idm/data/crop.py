"""Cutting windows out of samples, at the centre or at places that are a function of seed, draw and sample."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.data.base import Indices


def check_crop(shape: tuple[int, ...], size: int) -> None:
    """Refuse a size that does not fit into samples of a shape (c, *space); 0 always fits.

    Raises:
        SettingsError: as said.
    """
    if size and (len(shape) < 2 or not 0 < size <= min(shape[1:])):
        raise SettingsError(
            f"crop: a size that fits into samples of shape {shape} wanted, got {size}; set data.random_crop=0"
        )


def crop_shares(seed: int, draws: Indices, indices: Indices, num_axes: int) -> Float[Tensor, "b axes"]:
    """Where each window lies along each axis, from 0 (at the start) to below 1 (at the end).

    Args:
        seed: seed of the choice.
        draws: number of the draw of each sample; draw 0 is the centre.
        indices: number of each sample.
        num_axes: number of spatial axes.
    """
    seeds, shares = torch.as_tensor(indices) + seed, torch.full((len(indices), num_axes), 0.5, dtype=torch.float64)
    for draw in np.unique(draws[draws > 0]):
        here = torch.as_tensor(draws == draw)
        shares[here] = Rng(seeds[here]).uniform("crop", int(draw), num_axes)
    return shares


def crop_windows(
    x: Float[Tensor, "b c *space"], size: int, shares: Float[Tensor, "b axes"]
) -> Float[Tensor, "b c *window"]:
    """Cut a window of ``size`` along every spatial axis out of each sample."""
    for axis in range(2, x.ndim):
        free = x.shape[axis] - size
        starts = (shares[:, axis - 2] * (free + 1)).long().clamp(max=free)
        places = (starts[:, None] + torch.arange(size)).reshape(
            -1, 1, *(1,) * (axis - 2), size, *(1,) * (x.ndim - axis - 1)
        )
        x = x.gather(axis, places.expand(*x.shape[:axis], size, *x.shape[axis + 1 :]))
    return x
