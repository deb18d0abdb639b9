"""Where a learned variance lies in its range, beside the optimum that an error curve tells.

LEARNED_RANGE interpolates between the posterior variance and beta in their logarithms (Nichol & Dhariwal 2021, eq. 15).
The best fraction for all values alike is log(1 + (SNR_down - SNR_up) m) / log(sigma_up^2 / sigma_down^2), scaled to the
data at either level: 0 where x_0 is certain, 1 where the data are white. A head that is badly trained shows at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.core.types import Images
from idm.diffusion import Denoiser, ErrorCurve, GaussianDiffusion
from idm.diffusion.variances import Analytic, CalibratedDecoder, LearnedRange, ReverseVariance
from idm.likelihood.calibration import spread_places
from idm.schedules import Transition

LEVELS_OF_FRACTIONS = 32
QUARTILES = (0.25, 0.75)
MOST_RANKED = 2**20
"""Most values that quartiles are found from, evenly from all; torch ranks no more than 2^24."""


@dataclass(frozen=True)
class VarianceFractions:
    """Fractions of the range of a variance, from 0, the posterior's, to 1, that of beta; a number for each level.

    Attributes:
        kappa: noise-to-signal ratio where the steps start, growing.
        mean: of the learned fractions, over samples and values.
        lower: their lower quartile.
        upper: their upper quartile.
        optimal: the best fraction, if it is the same for all samples and values.
    """

    kappa: Sequence[float]
    mean: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    optimal: Sequence[float]


def learned_rule(variance: ReverseVariance) -> ReverseVariance | None:
    """Return the variance that a network learned, under what was put in its place later; None: it learned none."""
    inner = variance.trained
    inner = inner.inner if isinstance(inner, CalibratedDecoder) else inner
    return inner if inner.heads > 1 else None


def variance_fractions(
    diffusion: GaussianDiffusion,
    rule: ReverseVariance,
    denoise: Denoiser,
    x_start: Images,
    curve: ErrorCurve,
    *,
    num_levels: int = LEVELS_OF_FRACTIONS,
    seed: int = 0,
    batch_size: int = 512,
) -> VarianceFractions:
    """Compare the fractions that a network learned with the best ones, on steps between neighbours of the chain.

    Args:
        diffusion: the process.
        rule: the learned variance, from ``learned_rule``.
        denoise: what finds x_0, and returns the head that the variance reads.
        x_start: clean data in the model's range; few do, as means are over all of their values.
        curve: mean squared error of the predicted x_0.
        num_levels: levels at the most.
        seed: sample i has the noise of seed + i.
        batch_size: samples per call of the network.
    """
    rng = Rng.from_seed(seed, x_start.shape[0], x_start.device)
    places = [place for place in spread_places(diffusion.grid, num_levels) if place > 0]
    rows: list[list[float]] = []
    with torch.no_grad():
        for place in places:
            at = diffusion.transition(place, x_start)
            found: list[Tensor] = []
            for part in torch.arange(len(x_start), device=x_start.device).split(batch_size):
                clean = x_start[part]
                noise = Rng(rng.seeds[part]).normal("fractions", place, clean.shape[1:], clean.dtype)
                head = denoise.select(part)(at.up.diffuse(clean, noise), at.up).head
                found.append(_fraction(rule.log_variance(head, at), at).flatten())
            best = _fraction(Analytic.of(rule, curve).log_variance(None, at), at)
            rows.append([float(at.up.kappa), *mean_and_quartiles(torch.cat(found)), float(best)])
    columns = tuple(zip(*rows, strict=True)) if rows else ((),) * 5
    return VarianceFractions(*columns)


def mean_and_quartiles(values: Tensor) -> list[float]:
    """Return the mean of values [n], and their quartiles: of 2^20 values, evenly from them, where they are more."""
    ranked = values[:: -(-len(values) // MOST_RANKED)]
    return torch.stack([values.mean(), *ranked.quantile(ranked.new_tensor(QUARTILES))]).tolist()


def _fraction(log_variance: Tensor, at: Transition) -> Tensor:
    """Where a log-variance lies between those of the posterior and of beta."""
    head = LearnedRange().head(log_variance, at)
    assert head is not None
    return 0.5 * (head + 1.0)
