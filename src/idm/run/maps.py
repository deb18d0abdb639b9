"""Where in samples the bits of their bound are, in the units and the order of axes of the data."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.diffusion import GaussianDiffusion
from idm.likelihood import VLB, map_bound
from idm.run.data import Data
from idm.run.drawing import require_memory
from idm.run.opened import Opened


@final
@dataclass(frozen=True, eq=False)
class Mapped:
    """The bound of samples, and where in them it comes from.

    Attributes:
        vlb: the bound and its terms, in the model's units.
        maps: bits/dim of every value, float32, in the data's units and order of axes; the mean over a sample is its
            bound.
    """

    vlb: VLB
    maps: NDArray[np.float32]


def mapped_bound(
    run: Opened,
    chain: GaussianDiffusion,
    x: Tensor,
    y: Tensor | None,
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> Mapped:
    """Evaluate what ``bound_of`` does, value by value; arguments and errors as there."""
    denoise, x = run.scoring_denoiser(y, chain), x.to(run.device)
    found = map_bound(chain, denoise, x, seed=seed, batch_size=batch_size, listener=listener)
    require_finite(torch.stack([found.vlb.total_bpd, found.vlb.mse.sum(1)], dim=1), "bounds")
    return Mapped(found.vlb, maps_of(run, found.maps))


def mapped_samples(
    run: Opened, data: Data, chain: GaussianDiffusion, numbers: range, *, seed: int = 0, **how: Any
) -> Mapped:
    """Evaluate that of the held-out samples of those numbers; sample i has the noise of seed + i."""
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
    return mapped_bound(run, chain, x, y, seed=seed + numbers.start, **how)


def maps_of(run: Opened, maps: Tensor) -> NDArray[np.float32]:
    """Bring maps [n, c, *space] to the units and the order of axes of the data.

    A density changes with the units of its value, those of a channel all alike.
    """
    codec = run.spec.codec
    shift = np.log2(codec.scale) if codec.levels is None else np.zeros(1)
    by_channel = np.asarray(shift, dtype=np.float64).reshape(1, -1, *[1] * (maps.ndim - 2))
    return run.spec.restore((maps.double().cpu().numpy() + by_channel).astype(np.float32))


def require_room_for_maps(run: Opened, num: int) -> None:
    """Refuse maps of more samples than memory holds, before they are scored.

    Raises:
        SettingsError: as said.
    """
    require_memory(num, run.spec.shape, "maps", way="score fewer, with a number of samples, or without maps")
