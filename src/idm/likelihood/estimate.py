"""A quick, unbiased estimate of the bound from a few steps per image."""

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.guidance import refuse_guided
from idm.likelihood.bound import evaluate_terms


def estimate_bpd(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    num_terms: int = 16,
    seed: int = 0,
    batch_size: int = 512,
) -> Tensor:
    """Estimate the bound of every image from ``num_terms`` random terms, the decoder's and the prior's.

    The steps 1..T-1 are cut into ``num_terms`` runs as equal as can be; of each, one step is drawn for every image, and
    its term counts as often as the run is long. So every term is expected to count once, and the mean of the estimate
    is the bound (Nichol & Dhariwal 2021 draw steps without the cutting, which scatters more). The same seed
    draws the same steps and noise, so that two networks are compared on equal terms.

    Args:
        diffusion: the process.
        denoise: what finds x_0.
        x_start: clean data in [-1, 1], [b, c, *space].
        num_terms: terms per image; from T - 1 on, every term is evaluated.
        seed: image i has seed + i.
        batch_size: images per call of the network.

    Returns:
        Estimates [b], bits/dim.

    Raises:
        SettingsError: no images, numbers below 1, or a guided denoiser.
    """
    refuse_guided(denoise, "bound")
    number = x_start.shape[0]
    if min(number, num_terms, batch_size) < 1:
        got = f"{number}, {num_terms} and {batch_size}"
        raise SettingsError(f"bound: at least one image, one term and a batch_size of 1 wanted, got {got}")
    seeds = Rng.from_seed(seed, number, x_start.device).seeds
    parts = torch.arange(number).split(batch_size)
    with torch.no_grad():
        estimates = [_estimate(diffusion, denoise, x_start, seeds, rows, num_terms) for rows in parts]
    return torch.cat(estimates)


def _estimate(
    diffusion: GaussianDiffusion, denoise: Denoiser, every: Tensor, seeds: Tensor, rows: Tensor, num_terms: int
) -> Tensor:
    """Estimate the bound of some of the images."""
    denoise, x_start, rng = denoise.select(rows), every[rows], Rng(seeds[rows])

    def term(t: Tensor | int, number: int) -> Tensor:
        noise = rng.normal("bound estimate", number, x_start.shape[1:], x_start.dtype)
        return evaluate_terms(diffusion, denoise, x_start, t, noise)[0]

    total = diffusion.prior_bpd(x_start) + term(0, 0)
    rest = diffusion.num_timesteps - 1
    count, on_host = min(num_terms, rest), Rng(rng.seeds.cpu())
    for number in range(count):
        start, stop = 1 + rest * number // count, 1 + rest * (number + 1) // count
        drawn = (on_host.uniform("bound estimate t", number).flatten() * (stop - start)).long()
        total = total + (stop - start) * term(start + drawn, number + 1)
    return total
