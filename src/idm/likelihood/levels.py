"""Errors and terms of the bound at some noise levels, for each of some samples."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.level_errors import LevelErrors
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng
from idm.core.tensors import mean_flat, wide
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.guidance import refuse_guided
from idm.likelihood.bound import evaluate_terms
from idm.likelihood.calibration import refuse_nothing

Look = Callable[[Tensor, int, Tensor], tuple[Tensor, ...]]
"""Given the numbers of samples, a place and noise: what is found of each, [b] each."""


def level_errors(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    places: Sequence[int],
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> LevelErrors:
    """Evaluate terms of the bound and errors of the predicted x_0 of every sample at some places of the grid.

    Args:
        diffusion: the process.
        denoise: what finds x_0.
        x_start: clean data in the model's range.
        places: steps of the chain, increasing.
        seed: sample i has the noise of seed + i, the same for every denoiser.
        batch_size: samples per call of the network.
        listener: hears how it gets on, in levels.

    Raises:
        SettingsError: no samples, no levels, a batch size below 1, or a guided denoiser.
    """
    refuse_guided(denoise, "levels")

    def look(rows: Tensor, place: int, noise: Tensor) -> tuple[Tensor, ...]:
        return evaluate_terms(diffusion, denoise.select(rows), x_start[rows], place, noise)[:2]

    bits, errors = _by_level(x_start, places, look, seed, batch_size, listener)
    return LevelErrors(kappas_of(diffusion, places), errors, bits)


def x_start_errors(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    places: Sequence[int],
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> Float[Tensor, "n k"]:
    """Evaluate the errors of the predicted x_0 alone, from the same noisy samples; arguments as of ``level_errors``.

    An oracle's denoiser has no variance that a bound could be evaluated with: this is what it is looked at by.
    """

    def look(rows: Tensor, place: int, noise: Tensor) -> tuple[Tensor, ...]:
        clean = x_start[rows]
        at = diffusion.transition(place, clean).up
        return (mean_flat((denoise.select(rows)(at.diffuse(clean, noise), at).x_start - clean) ** 2),)

    return _by_level(x_start, places, look, seed, batch_size, listener)[0]


def kappas_of(diffusion: GaussianDiffusion, places: Sequence[int]) -> Float[Tensor, " k"]:
    """Return the noise-to-signal ratios of places, float64."""
    return diffusion.grid.levels.kappa[list(places)].double()


def _by_level(
    x_start: Tensor, places: Sequence[int], look: Look, seed: int, batch_size: int, listener: Listener
) -> list[Tensor]:
    """Look at every sample at every place, and return what was found [n, k] each, float64 on the CPU."""
    refuse_nothing(len(x_start), len(places), batch_size)
    rng = Rng.from_seed(seed, len(x_start), x_start.device)
    columns: list[list[Tensor]] = []
    with torch.no_grad(), listener.follow("levels", len(places), unit="levels") as bar:
        for place in places:
            parts: list[tuple[Tensor, ...]] = []
            for rows in torch.arange(len(x_start), device=x_start.device).split(batch_size):
                noise = Rng(rng.seeds[rows]).normal("levels", place, x_start.shape[1:], x_start.dtype)
                parts.append(look(rows, place, noise))
            columns.append([torch.cat(values) for values in zip(*parts, strict=True)])
            bar.advance()
    return [wide(torch.stack(values, dim=1)).cpu() for values in zip(*columns, strict=True)]
