"""The variational bound of data, term by term, in bits/dim.

-log2 p(x_0) / d <= prior + sum over t of vb_t, where vb_t is a KL divergence for t > 0 and the decoder's
negative log-likelihood for t = 0 (Ho et al. 2020, eq. 5). Terms are evaluated in batches over images and
steps; the noise of a term depends on the image's seed and the step alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias, TypeVar

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener, Progress
from idm.core.rng import Rng
from idm.core.tensors import mean_flat
from idm.core.types import Images, Network
from idm.diffusion import Denoiser, GaussianDiffusion, ModelKwargs, Place, ReverseStep
from idm.guidance import refuse_guided
from idm.schedules import Transition

T = TypeVar("T")

ScorePart: TypeAlias = Callable[[GaussianDiffusion, Denoiser, Tensor, Tensor, Rng, int, Progress], T]
"""What scores a part of some images; see ``scored_in_parts``."""


@dataclass(frozen=True)
class VLB:
    """The bound of a batch of images and its terms; column t is step t.

    Attributes:
        total_bpd: the bound [b], bits/dim: prior plus all terms.
        prior_bpd: KL(q(x_T | x_0) || p(x_T)) [b], bits/dim; p(x_T) is what sampling starts from.
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


def calc_bpd_loop(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Images,
    *,
    clip_denoised: bool = True,
    model_kwargs: ModelKwargs | None = None,
    seed: SupportsIndex | Sequence[int] = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> VLB:
    """``evaluate_bound`` of a network, under the reference's name.

    Args:
        diffusion: the process.
        model: the network.
        x_start: clean data.
        clip_denoised: clamp the predicted x_0 to [-1, 1], as when sampling. Either choice is a bound.
        model_kwargs: conditioning, with one entry per image.
        seed: as there.
        batch_size: as there.
        listener: as there.
    """
    denoise = diffusion.denoiser(model, conditioning=model_kwargs, clip=clip_denoised)
    return evaluate_bound(diffusion, denoise, x_start, seed=seed, batch_size=batch_size, listener=listener)


def evaluate_bound(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    seed: SupportsIndex | Sequence[int] = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> VLB:
    """Evaluate every term of the bound of every image.

    Args:
        diffusion: the process; a respaced one gives the bound of the shorter chain.
        denoise: what finds x_0.
        x_start: clean data in [-1, 1], [b, c, *space].
        seed: one integer s for seeds s, s + 1, ..., or one seed per image.
        batch_size: how many (image, step) pairs to put through the network at once, at the most.
        listener: hears how it gets on, in steps of the chain.

    Returns:
        The bound and its terms, on x_start's device.

    Raises:
        SettingsError: no samples, a batch size below 1, or a guided denoiser.
    """
    how: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "listener": listener}
    return VLB.concatenate(scored_in_parts(diffusion, denoise, x_start, _bound, **how))


def scored_in_parts(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    score: ScorePart[T],
    *,
    seed: SupportsIndex | Sequence[int],
    batch_size: int,
    listener: Listener,
) -> list[T]:
    """Score images, at most ``batch_size`` at a time; what is not said here is as of ``evaluate_bound``.

    Args:
        diffusion: the process.
        denoise: what finds x_0.
        x_start: clean data.
        score: given process, denoiser, all images, the numbers of a part, its random numbers, the batch size, and what
            hears of steps: what is found of that part.
        seed: as there.
        batch_size: as there.
        listener: as there.
    """
    refuse_unscorable(denoise, x_start, batch_size)
    seeds = Rng.from_seed(seed, len(x_start), x_start.device).seeds
    parts = torch.arange(len(x_start)).split(min(len(x_start), batch_size))
    with torch.no_grad(), listener.follow("bound", diffusion.num_timesteps * len(parts)) as bar:
        return [score(diffusion, denoise, x_start, rows, Rng(seeds[rows]), batch_size, bar) for rows in parts]


def refuse_unscorable(denoise: Denoiser, x_start: Tensor, batch_size: int) -> None:
    """Refuse to evaluate the bound of nothing, nothing at a time, or under guidance.

    Raises:
        SettingsError: as said.
    """
    refuse_guided(denoise, "bound")
    if x_start.shape[0] < 1 or whole_number(batch_size, "batch_size") < 1:
        raise SettingsError(
            f"bound: at least one sample and a batch_size of at least 1 wanted, got {x_start.shape[0]} and {batch_size}"
        )


def _bound(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Tensor,
    rows: Tensor,
    rng: Rng,
    batch_size: int,
    bar: Progress,
) -> VLB:
    """Bound of at most ``batch_size`` images."""
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for steps in steps_by_call(diffusion.num_timesteps, batch_size // len(rows)):
        every, t, noise = pairs_of(rows, steps, rng, x_start)
        found = evaluate_terms(diffusion, denoise.select(every), x_start[every], t, noise)
        vb, xstart_mse, mse = (values.view(len(steps), len(rows)).T for values in found)
        columns.append((vb, xstart_mse, mse))
        bar.advance(len(steps))
    prior = diffusion.prior_bpd(x_start[rows])
    vb, xstart_mse, mse = (torch.cat(parts, dim=1) for parts in zip(*columns, strict=True))
    return VLB(prior + vb.sum(1), prior, vb, xstart_mse, mse)


def steps_by_call(number: int, per_call: int) -> list[range]:
    """Return the steps of each call of the network: step 0, the decoder, by itself, then as many at once as fit."""
    return [range(1), *(range(first, min(first + per_call, number)) for first in range(1, number, per_call))]


def pairs_of(rows: Tensor, steps: range, rng: Rng, x_start: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pair every step with every image, step by step.

    Returns:
        The row and the step of each pair, and its noise. Steps are known on the host, so that it need not wait for the
        device to hear which of them is the decoder's.
    """
    noise = rng.normals("bound", steps, x_start.shape[1:], x_start.dtype).flatten(0, 1)
    return rows.repeat(len(steps)), torch.tensor(steps).repeat_interleave(len(rows)), noise


@dataclass(frozen=True, eq=False)
class Seen:
    """A noisy image, and the reverse step that is taken from it.

    Attributes:
        x_t: the image, with noise.
        at: the transition to the level below.
        step: the reverse step.
    """

    x_t: Tensor
    at: Transition
    step: ReverseStep

    def errors(self, x_start: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean squared errors of the predicted x_0 and eps, each [b]."""
        eps = self.at.up.eps(self.x_t, self.step.pred_xstart)
        return mean_flat((self.step.pred_xstart - x_start) ** 2), mean_flat((eps - noise) ** 2)


def see(diffusion: GaussianDiffusion, denoise: Denoiser, x_start: Tensor, t: Place, noise: Tensor) -> Seen:
    """Add noise to clean data, and denoise them; arguments as of ``evaluate_terms``."""
    at = diffusion.transition(t, x_start)
    x_t = at.up.diffuse(x_start, noise)
    return Seen(x_t, at, diffusion.reverse(denoise(x_t, at.up), at, x_t))


def evaluate_terms(
    diffusion: GaussianDiffusion, denoise: Denoiser, x_start: Tensor, t: Place, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return bound terms, bits/dim, and errors of the predicted x_0 and eps, each [b].

    Args:
        diffusion: the process.
        denoise: what finds x_0.
        x_start: clean data [b, c, *space].
        t: a step, or one for each image [b].
        noise: what is added to x_start.
    """
    seen = see(diffusion, denoise, x_start, t, noise)
    return diffusion.vb_bpd(seen.step, x_start, seen.x_t, t), *seen.errors(x_start, noise)
