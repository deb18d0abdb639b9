"""The variational bound of data, term by term, in bits/dim.

-log2 p(x_0) / d <= prior + sum over t of vb_t, where vb_t is a KL divergence for t > 0 and the decoder's
negative log-likelihood for t = 0 (Ho et al. 2020, eq. 5). Terms are evaluated in batches over images and
steps; the noise of a term depends on the image's seed and the step alone.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import Progress
from idm.core.progress import progress as show_progress
from idm.core.rng import Rng
from idm.core.tensors import mean_flat
from idm.core.types import Images, Network
from idm.diffusion import GaussianDiffusion, ModelKwargs


@dataclass(frozen=True)
class VLB:
    """The bound of a batch of images and its terms; column t is step t.

    Attributes:
        total_bpd: the bound [b], bits/dim: prior plus all terms.
        prior_bpd: KL(q(x_T | x_0) || N(0, I)) [b], bits/dim.
        vb: terms of the bound [b, T], bits/dim.
        xstart_mse: mean squared error of the predicted x_0 [b, T].
        mse: mean squared error of the predicted eps [b, T].
    """

    total_bpd: Tensor
    prior_bpd: Tensor
    vb: Tensor
    xstart_mse: Tensor
    mse: Tensor

    @staticmethod
    def concatenate(parts: "Sequence[VLB]") -> "VLB":
        """Join the bounds of several batches of images."""
        names = ("total_bpd", "prior_bpd", "vb", "xstart_mse", "mse")
        return VLB(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class Estimate:
    """A mean over images and its standard error."""

    mean: float
    standard_error: float

    @classmethod
    def of(cls, values: Tensor) -> "Estimate":
        """Mean of values [n] and the standard error of that mean (nan for fewer than two values)."""
        wide = values.double()
        error = float(wide.std() / math.sqrt(wide.numel())) if wide.numel() > 1 else math.nan
        return cls(float(wide.mean()), error)

    def __str__(self) -> str:
        """Write as 1.745 ± 0.016."""
        return f"{self.mean:.3f} ± {self.standard_error:.3f}"


def calc_bpd_loop(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Images,
    *,
    clip_denoised: bool = True,
    model_kwargs: ModelKwargs | None = None,
    seed: int | Sequence[int] = 0,
    batch_size: int = 512,
    progress: bool | Progress = False,
) -> VLB:
    """Evaluate every term of the bound of every image.

    Args:
        diffusion: the process; a respaced one gives the bound of the shorter chain.
        model: the network.
        x_start: clean data in [-1, 1], [b, c, *space].
        clip_denoised: clamp the predicted x_0 to [-1, 1], as when sampling. Either choice is a bound.
        model_kwargs: conditioning, with one entry per image.
        seed: one integer s for seeds s, s + 1, ..., or one seed per image.
        batch_size: how many (image, step) pairs to put through the network at once, at the most.
        progress: show a progress bar, or one of the caller's that counts steps of the chain.

    Returns:
        The bound and its terms, on x_start's device.

    Raises:
        SettingsError: no samples, or a batch size below 1.
    """
    if x_start.shape[0] < 1 or batch_size < 1:
        raise SettingsError(
            f"bound: at least one sample and a batch_size of at least 1 wanted, got {x_start.shape[0]} and {batch_size}"
        )
    size = min(x_start.shape[0], batch_size)
    seeds = Rng.from_seed(seed, x_start.shape[0], x_start.device).seeds
    parts = [slice(first, first + size) for first in range(0, x_start.shape[0], size)]
    bounds: list[VLB] = []
    total = diffusion.num_timesteps * len(parts)
    shown = show_progress("bound", total, enabled=progress) if isinstance(progress, bool) else nullcontext(progress)
    with torch.no_grad(), shown as bar:
        for part in parts:
            kwargs = {name: value[part] for name, value in (model_kwargs or {}).items()}
            rng = Rng(seeds[part])
            bounds.append(_bound(diffusion, model, x_start[part], rng, clip_denoised, kwargs, batch_size, bar))
    return VLB.concatenate(bounds)


def _bound(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Tensor,
    rng: Rng,
    clip_denoised: bool,
    model_kwargs: ModelKwargs,
    batch_size: int,
    bar: Progress,
) -> VLB:
    """Bound of at most ``batch_size`` images: step 0, the decoder, by itself, then as many steps at once as fit."""
    per_call, number = batch_size // x_start.shape[0], diffusion.num_timesteps
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for first in (0, *range(1, number, per_call)):
        steps = range(first, 1 if first == 0 else min(first + per_call, number))
        columns.append(_terms(diffusion, model, x_start, steps, rng, clip_denoised, model_kwargs))
        bar.advance(len(steps))
    prior = diffusion.prior_bpd(x_start)
    vb, xstart_mse, mse = (torch.cat(parts, dim=1) for parts in zip(*columns, strict=True))
    return VLB(prior + vb.sum(1), prior, vb, xstart_mse, mse)


def _terms(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Tensor,
    steps: range,
    rng: Rng,
    clip_denoised: bool,
    model_kwargs: ModelKwargs,
) -> tuple[Tensor, Tensor, Tensor]:
    """Bound terms and errors [b, len(steps)] of step 0 or of several others, in one call of the network."""
    images, count = x_start.shape[0], len(steps)
    noise = rng.normals("bound", steps, x_start.shape[1:], x_start.dtype).flatten(0, 1)
    clean = x_start.repeat(count, *(1,) * (x_start.ndim - 1))
    kwargs = {name: torch.cat([value] * count) for name, value in model_kwargs.items()}
    is_decoder = steps.start == 0
    t = 0 if is_decoder else torch.tensor(steps, device=x_start.device).repeat_interleave(images)
    found = evaluate_terms(diffusion, model, clean, t, noise, clip_denoised=clip_denoised, model_kwargs=kwargs)
    vb, xstart_mse, mse = (values.view(count, images).T for values in found)
    return vb, xstart_mse, mse


def evaluate_terms(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Tensor,
    t: Tensor | int,
    noise: Tensor,
    *,
    clip_denoised: bool,
    model_kwargs: ModelKwargs,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return bound terms, bits/dim, and errors of the predicted x_0 and eps, each [b].

    Args:
        diffusion: the process.
        model: the network.
        x_start: clean data [b, c, *space].
        t: a step above 0 for each image [b], or 0 for the decoder's term of all of them.
        noise: what is added to x_start.
        clip_denoised: clamp the predicted x_0 to [-1, 1].
        model_kwargs: conditioning, with one entry per image.
    """
    x_t = diffusion.q_sample(x_start, t, noise)
    step = diffusion.p_mean_variance(model, x_t, t, clip_denoised=clip_denoised, model_kwargs=model_kwargs)
    is_decoder = isinstance(t, int)
    terms = diffusion.decoder_bpd(step, x_start) if is_decoder else diffusion.kl_bpd(step, x_start, x_t, t)
    eps = diffusion.predict_eps_from_xstart(x_t, t, step.pred_xstart)
    return terms, mean_flat((step.pred_xstart - x_start) ** 2), mean_flat((eps - noise) ** 2)
