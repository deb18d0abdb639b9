"""Cutting windows out of samples, at the centre or at places that are a function of seed, draw and sample."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.data.base import Indices
from idm.data.sizes import Sizes, along_axes, are_within, sizes_in_words


def crop_sizes(shape: tuple[int, ...], said: Sizes) -> tuple[int, ...]:
    """Return the size of windows along each axis of space; nothing where samples stay as they are.

    Args:
        shape: that of samples, (c, *space).
        said: the size of windows; 0: samples stay as they are.

    Raises:
        SettingsError: a size that does not fit into them.
    """
    if not said:
        return ()
    if not are_within(said, shape[1:]):
        raise SettingsError(
            f"crop: a size that fits into samples of shape {shape} wanted, got {sizes_in_words(said)}; set "
            "data.random_crop=0"
        )
    return along_axes(said, shape[1:])


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
    x: Float[Tensor, "b c *space"], sizes: tuple[int, ...], shares: Float[Tensor, "b axes"]
) -> Float[Tensor, "b c *window"]:
    """Cut a window of a size along each spatial axis out of each sample."""
    for axis, size in enumerate(sizes, 2):
        free = x.shape[axis] - size
        starts = (shares[:, axis - 2] * (free + 1)).long().clamp(max=free)
        places = (starts[:, None] + torch.arange(size)).reshape(
            -1, 1, *(1,) * (axis - 2), size, *(1,) * (x.ndim - axis - 1)
        )
        x = x.gather(axis, places.expand(*x.shape[:axis], size, *x.shape[axis + 1 :]))
    return x
