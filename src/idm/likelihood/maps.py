"""Maps of the bound: which values of a sample are unlikely.

Every term of the bound is a mean over the values of a sample: of Kullback-Leibler divergences of single values, and of
the decoder's log-likelihoods of them. Their sum over steps says where in a sample its bits are.
"""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from idm.core.progress import SILENT, Listener, Progress
from idm.core.rng import Rng
from idm.core.tensors import mean_flat, wide
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.likelihood.bound import VLB, pairs_of, scored_in_parts, see, steps_by_call


@final
@dataclass(frozen=True, eq=False)
class MappedBound:
    """The bound of images, and where in them it comes from.

    Attributes:
        vlb: the bound and its terms.
        maps: bits of every value, whose mean over an image is ``vlb.total_bpd`` of it.
    """

    vlb: VLB
    maps: Images


def map_bound(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> MappedBound:
    """Evaluate what ``evaluate_bound`` does, with the same noise, value by value.

    Args:
        diffusion: the process; a respaced one gives the bound of the shorter chain.
        denoise: what finds x_0.
        x_start: clean data in [-1, 1], [b, c, *space].
        seed: image i has seed + i.
        batch_size: (image, step) pairs per call of the network.
        listener: hears how it gets on, in steps of the chain.

    Raises:
        SettingsError: no samples, a batch size below 1, or a guided denoiser.
    """
    how: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "listener": listener}
    found = scored_in_parts(diffusion, denoise, x_start, _mapped, **how)
    return MappedBound(VLB.concatenate([one.vlb for one in found]), torch.cat([one.maps for one in found]))


def _mapped(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Tensor,
    rows: Tensor,
    rng: Rng,
    batch_size: int,
    bar: Progress,
) -> MappedBound:
    """Add up the bits of every value of at most ``batch_size`` images, in float64, over all steps."""
    prior = diffusion.prior_by_value(x_start[rows])
    maps, columns = wide(prior).clone(), list[list[Tensor]]()
    for steps in steps_by_call(diffusion.num_timesteps, batch_size // len(rows)):
        every, t, noise = pairs_of(rows, steps, rng, x_start)
        x = x_start[every]
        seen = see(diffusion, denoise.select(every), x, t, noise)
        is_decoder = steps.start == 0
        values = (
            diffusion.decoder_by_value(seen.step, x) if is_decoder else diffusion.kl_by_value(seen.step, x, seen.x_t, t)
        )
        maps += wide(values).unflatten(0, (len(steps), len(rows))).sum(0)
        found = (mean_flat(values), *seen.errors(x, noise))
        columns.append([each.view(len(steps), len(rows)).T for each in found])
        bar.advance(len(steps))
    vb, xstart_mse, mse = (torch.cat(parts, dim=1) for parts in zip(*columns, strict=True))
    prior_bpd = mean_flat(prior)
    return MappedBound(VLB(prior_bpd + vb.sum(1), prior_bpd, vb, xstart_mse, mse), maps.to(x_start))
