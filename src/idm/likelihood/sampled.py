"""The bound from a few of its terms: stratified importance sampling of steps, with an error bar.

Most of a bound lies in few steps, so steps are drawn in proportion to the root mean square of their terms, which a
pilot finds (Nichol & Dhariwal 2021 do so in training), and one from each of n equal shares of that probability, so that
no part of it is missed. The lowest step, the decoder's, is always there, and at least twice, as all of its scatter is
that of noise. Every term is expected to count once, whatever the pilot found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.estimate import Estimate
from idm.core.progress import SILENT, Listener, Progress
from idm.core.rng import Rng
from idm.core.text import counted
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.guidance import refuse_guided
from idm.likelihood.bound import evaluate_terms
from idm.likelihood.pilot import StepProposal
from idm.likelihood.target import Target

LOWEST_DRAWS, USUAL_CALLS = 2, 18
"""Draws of the lowest step, of so many calls; of more calls a share as large, so that all scatter falls."""

LEAST_CALLS = LOWEST_DRAWS + 2

NORMAL_95 = 1.959963984540054
"""Standard deviations on either side of a mean that hold 95 % of a normal distribution."""


@final
@dataclass(frozen=True, eq=False)
class SampledBound:
    """Estimates of the bound of images, in bits/dim.

    Attributes:
        bits_per_dim: of each image [n]; unbiased.
        variance: of each of them over steps and noise [n]; it is expected to be a little too large, never too small.
        calls: of the network for each image.
        prior: part of the prior [n], which is exact.
        decoder: estimate of the part of the lowest step [n].
        decoder_variance: its part of the variance [n].
        target: the error that was wanted of the mean, and what finding its calls took; None where none was.
    """

    bits_per_dim: Float[Tensor, " n"]
    variance: Float[Tensor, " n"]
    calls: int
    prior: Float[Tensor, " n"]
    decoder: Float[Tensor, " n"]
    decoder_variance: Float[Tensor, " n"]
    target: Target | None = None

    @property
    def of_these(self) -> Estimate:
        """Mean, and how far it is off from the exact bound of these very images."""
        error = self.variance.sum().sqrt() / len(self.variance)
        return Estimate(float(self.bits_per_dim.mean()), float(error))

    @property
    def of_data(self) -> Estimate:
        """Mean, and how far it is off from that of all data that these images are drawn from."""
        return Estimate.of(self.bits_per_dim)

    @property
    def cost(self) -> str:
        """How many calls were made, how far the mean of these samples is off, and whether that was wanted, in words."""
        error = self.of_these.standard_error
        said = f"{counted(self.calls, 'call')} of the network each, ± {error:.2g} for these samples"
        return said if self.target is None else f"{said}; {self.target.in_words(error)}"

    def interval(self, estimate: Estimate) -> tuple[float, float]:
        """Return the interval that holds the truth in 95 of 100 cases, for one of the estimates above."""
        half = NORMAL_95 * estimate.standard_error
        return estimate.mean - half, estimate.mean + half


def sample_bound(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    proposal: StepProposal,
    *,
    calls: int = USUAL_CALLS,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> SampledBound:
    """Estimate the bound of every image from a few terms.

    Image i has steps and noise of seed + i, whatever the network and the other images are: two networks under the same
    proposal are compared on equal terms, so that their differences scatter far less than either estimate.

    Args:
        diffusion: the process.
        denoise: what finds x_0.
        x_start: clean data in [-1, 1], [b, c, *space].
        proposal: how likely steps are, from ``fit_proposal`` of this chain.
        calls: of the network for each image, an even number: two of the lowest step for each 18 of them, and one of
            each other that is drawn.
        seed: image i has seed + i.
        batch_size: (image, step) pairs per call of the network.
        listener: hears how it gets on, in terms of an image.

    Raises:
        SettingsError: no images, fewer than 4 calls or an odd number, a proposal of another chain, a guided denoiser.
    """
    _refuse(diffusion, denoise, x_start, proposal, calls, batch_size)
    seeds = Rng.from_seed(seed, len(x_start), x_start.device).seeds
    parts = torch.arange(len(x_start)).split(batch_size)
    found: list[tuple[Tensor, ...]] = []
    with torch.no_grad(), listener.follow("bound", calls * len(parts), unit="terms") as bar:
        for rows in parts:
            drawer = _Drawer(diffusion, denoise, x_start, rows, Rng(seeds[rows]), batch_size, bar)
            found.append(drawer.estimate(proposal, calls))
    bits, variance, prior, decoder, of_decoder = (torch.cat(values) for values in zip(*found, strict=True))
    return SampledBound(bits, variance, calls, prior, decoder, of_decoder)


def _refuse(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Tensor,
    proposal: StepProposal,
    calls: int,
    batch_size: int,
) -> None:
    refuse_guided(denoise, "bound")
    refuse_odd(calls, "calls")
    if min(len(x_start), batch_size) < 1:
        raise SettingsError(f"bound: an image and a batch_size of 1 wanted, got {len(x_start)} and {batch_size}")
    if len(proposal.shares) != diffusion.num_timesteps - 1:
        raise SettingsError(
            f"proposal: one of a chain of {diffusion.num_timesteps} steps wanted, got one of {len(proposal.shares) + 1}"
        )


def refuse_odd(calls: int, name: str) -> None:
    """Refuse what is no number of calls of an estimate.

    Args:
        calls: as they are given.
        name: what the caller calls them.

    Raises:
        SettingsError: fewer than 4, or an odd number.
    """
    if calls < LEAST_CALLS or calls % 2:
        raise SettingsError(f"{name}: an even number from {LEAST_CALLS} on wanted, got {calls}")


def num_lowest_of(calls: int) -> int:
    """Return how many of so many calls draw the lowest step."""
    return LOWEST_DRAWS * max(1, calls // USUAL_CALLS)


def put_together(prior: Tensor, lowest: Tensor, terms: Tensor) -> tuple[Tensor, ...]:
    """Return estimates, their variances, the parts of prior and decoder, and the variance of the latter [b].

    Args:
        prior: the part of the prior [b].
        lowest: draws of the lowest step [k, b].
        terms: of strata that follow each other [2 m, b], whose sum is an estimate of all other steps.
    """
    decoder, of_decoder = lowest.mean(0), lowest.var(0) / len(lowest)
    # Of neighbouring strata the squared difference is expected to be the sum of their variances or more.
    pairs = (terms[0::2] - terms[1::2]).square().sum(0)
    return prior + decoder + terms.sum(0), of_decoder + pairs, prior, decoder, of_decoder


@final
@dataclass(frozen=True, eq=False)
class _Drawer:
    """Evaluates terms of some images, as many at once as fit.

    Attributes:
        diffusion: the process.
        denoise: what finds x_0 of all images.
        x_start: all images.
        rows: which of them these are.
        rng: their random numbers.
        batch_size: (image, step) pairs per call.
        bar: told of terms.
    """

    diffusion: GaussianDiffusion
    denoise: Denoiser
    x_start: Tensor
    rows: Tensor
    rng: Rng
    batch_size: int
    bar: Progress

    def estimate(self, proposal: StepProposal, calls: int) -> tuple[Tensor, ...]:
        """Return estimates, their variances, the parts of prior and decoder, and the variance of the latter [b]."""
        num_lowest = num_lowest_of(calls)
        count = calls - num_lowest
        on_host = Rng(self.rng.seeds.cpu())
        drawn = torch.stack([on_host.uniform("bound steps", number).flatten() for number in range(count)])
        shares = (torch.arange(count, dtype=torch.float64)[:, None] + drawn.double()) / count
        steps, weights = proposal.steps_at(shares)
        lowest = self._terms(torch.zeros(num_lowest, len(self.rows), dtype=torch.int64), 0).double()
        terms = self._terms(steps, num_lowest).double() * (weights / count).to(lowest.device)
        return put_together(self.diffusion.prior_bpd(self.x_start[self.rows]).double(), lowest, terms)

    def _terms(self, steps: Tensor, first: int) -> Tensor:
        """Return terms [k, b] at steps [k, b], whose noise is numbered from ``first`` on."""
        parts: list[Tensor] = []
        for numbers in torch.arange(len(steps)).split(max(1, self.batch_size // len(self.rows))):
            noise = self._noise([first + int(number) for number in numbers])
            every = self.rows.repeat(len(numbers))
            t = steps[numbers].flatten()
            found, *_ = evaluate_terms(self.diffusion, self.denoise.select(every), self.x_start[every], t, noise)
            parts.append(found.view(len(numbers), -1))
            self.bar.advance(len(numbers))
        return torch.cat(parts)

    def _noise(self, numbers: Sequence[int]) -> Tensor:
        x = self.x_start
        return self.rng.normals("bound terms", numbers, x.shape[1:], x.dtype).flatten(0, 1)
