"""Ways to invert beside each other, on data whose flow is known: the table of docs/inversion.md.

    python benchmarks/inversion.py
    python benchmarks/inversion.py --steps 10 25 50 --grids log_snr linspace rho

The data are a mixture of three Gaussians in each of eight dimensions, whose flow keeps the quantile of every value; 256
samples, a cosine schedule without the levels below sigma = 0.06. Errors are root mean squares over all values. The
amplification is that of Gaussian data: what becomes, from the first step to the last, of an error in the states, in
units of what the flow makes of it; the largest singular value, of standard deviations from 0 to 1. A minute.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from idm.diffusion import Denoised, GaussianDiffusion
from idm.editing import INVERSIONS, Inversion, inversion_process
from idm.schedules import Level, cosine_schedule

WEIGHTS, MEANS, DEVIATIONS = (np.array(each) for each in ([0.5, 0.3, 0.2], [0.6, -0.5, -0.1], [0.2, 0.15, 0.3]))
SAMPLES, DIMENSIONS = 256, 8
SPREADS = (0.0, 0.05, 0.2, 0.5, 1.0)
"""Standard deviations of the Gaussian data whose amplification is computed."""


@dataclass(frozen=True)
class Mixture:
    """E[x_0 | x_t] where every value has the same mixture, in the type of x."""

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        """Weigh the components by how likely each is."""
        y, kappa2 = (x / at.alpha)[..., None], (at.sigma / at.alpha) ** 2
        weights, means, variances = (torch.from_numpy(v).to(x) for v in (WEIGHTS, MEANS, DEVIATIONS**2))
        total = variances + kappa2
        likely = torch.softmax(weights.log() - 0.5 * total.log() - 0.5 * (y - means) ** 2 / total, -1)
        x_start = (likely * (means + variances / total * (y - means))).sum(-1)
        return Denoised(x_start, x_start)

    def select(self, rows: Tensor, /) -> "Mixture":
        """It has no conditioning."""
        return self


@dataclass(frozen=True)
class Gaussian:
    """E[x_0 | x_t] of data of mean 0 and some deviation."""

    deviation: float

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        """Shrink."""
        share = at.alpha * self.deviation**2 / (at.alpha**2 * self.deviation**2 + at.sigma**2)
        return Denoised(share * x, share * x)

    def select(self, rows: Tensor, /) -> "Gaussian":
        """It has no conditioning."""
        return self


def draw() -> NDArray[np.float64]:
    """Draw the samples."""
    rng = np.random.default_rng(0)
    which = rng.choice(3, (SAMPLES, DIMENSIONS), p=WEIGHTS)
    return MEANS[which] + DEVIATIONS[which] * rng.standard_normal((SAMPLES, DIMENSIONS))


def share_below(y: NDArray[np.float64], kappa: float) -> NDArray[np.float64]:
    """Share of the mixture, widened by noise, that lies below y."""
    return ndtr((y[..., None] - MEANS) / np.sqrt(DEVIATIONS**2 + kappa**2)) @ WEIGHTS


def exact_codes(x: NDArray[np.float64], alpha: float, sigma: float) -> NDArray[np.float64]:
    """Find the values of the same quantiles at a level, by bisection."""
    wanted, kappa = share_below(x, 0.0), sigma / alpha
    low, high = np.full_like(x, -12.0 * kappa - 2.0), np.full_like(x, 12.0 * kappa + 2.0)
    for _ in range(100):
        middle = 0.5 * (low + high)
        is_below = share_below(middle, kappa) < wanted
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return alpha * low


def amplification(way: Inversion) -> tuple[float, float]:
    """Largest of what the way up makes of errors in the states, and the spectral radius, of all ``SPREADS``.

    Errors are measured in units of the flow: x at a level in those of sqrt(alpha^2 s^2 + sigma^2), and of the data as
    at the least noisy level.
    """
    levels = way.diffusion.grid.levels
    found: list[tuple[float, float]] = []
    for s in SPREADS:
        size = torch.sqrt(levels.alpha**2 * s * s + levels.sigma**2).double()
        denoise, count = Gaussian(s), type(way).num_states

        def run(states: Tensor, denoise: Gaussian = denoise, size: Tensor = size) -> Tensor:
            carried = way.opened(tuple(size[0] * state[:, None] for state in states))
            below = 0 if way.calls_per_step == 4 else -1  # what a pair carries beside x_t: z at t, or x_{t-1}
            first = 0 if below == 0 else 1
            for place in range(first, way.diffusion.num_timesteps - 1):
                carried = way.up(denoise, carried, place, NoNoise())
            ends = [size[-1], size[-1 + below]]
            return torch.stack([x[:, 0] / end for x, end in zip(carried, ends, strict=False)])

        matrix = run(torch.eye(count, dtype=torch.float64)).numpy()
        found.append((float(np.linalg.norm(matrix, 2)), float(np.abs(np.linalg.eigvals(matrix)).max())))
    return max(norm for norm, _ in found), max(radius for _, radius in found)


class NoNoise:
    """Zeros in the place of noise, which amplifies nothing."""

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Return zeros."""
        return torch.zeros(2, *shape, dtype=dtype)


def row(name: str, whole: GaussianDiffusion, steps: int, spacing: str, x: NDArray[np.float64]) -> list[str]:
    """Measure one way on one grid."""
    process = inversion_process(whole, steps, spacing=spacing)
    make: Callable[..., Inversion] = INVERSIONS[name]
    wide = {"asked_in": torch.float64} if name.startswith("rex") else {}
    way, way32 = make(process, **wide), make(process)
    double, single = torch.from_numpy(x), torch.from_numpy(x).float()
    back = way32.decode(Mixture(), way32.encode(Mixture(), (single,)))[0] - single
    code = way.encode(Mixture(), (double,))[0].numpy()
    levels = process.grid.levels
    wanted = exact_codes(x, float(levels.alpha[-1]), float(levels.sigma[-1]))
    error = math.sqrt(np.mean((code - wanted) ** 2))
    norm, radius = amplification(way)
    figures = (float(back.abs().max()), code.var(), error, radius, norm)
    return [f"`{name}`", str(way.calls_per_step), *(f"{figure:.2g}" for figure in figures)]


def main() -> None:
    """Print a table for each number of steps and grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[25, 50])
    parser.add_argument("--grids", nargs="+", default=["log_snr", "linspace"])
    asked = parser.parse_args()
    x, whole = draw(), GaussianDiffusion(cosine_schedule(1000).with_noise_floor(0.06))
    columns = ["Method", "calls/step", "round trip", "variance", "from the flow", "spectral radius", "amplification"]
    for steps in asked.steps:
        for spacing in asked.grids:
            print(f"\n{steps} steps of {spacing}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
            for name in INVERSIONS:
                print(f"| {' | '.join(row(name, whole, steps, spacing, x))} |", flush=True)


if __name__ == "__main__":
    main()
