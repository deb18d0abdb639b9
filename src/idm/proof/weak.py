"""Weak orders of samplers that draw noise: mean and covariance of where they end, without drawing any.

With the exact denoiser of a Gaussian every step is linear in the sample, in what is remembered and in the noise. So is
the whole walk, and a batch of unit vectors tells its coefficients: one row for zero, one for the start, one for the
noise of each step. Elements are independent of each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.tensors import append_dims
from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.proof.flows import LOWEST_RATIO, GaussianFlow
from idm.proof.measured import Measured, doubled
from idm.proof.orders import CHAIN, grid_of
from idm.proof.solvers import Solver
from idm.samplers import Sampler, SampleStep


@dataclass(frozen=True)
class UnitNoise:
    """Noise of one in row 1 + i at step i, none anywhere else.

    Attributes:
        rows: number of rows.
    """

    rows: int

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Return [rows, *shape]."""
        row = torch.arange(self.rows) == 1 + step
        return append_dims(row.to(dtype), 1 + len(shape)).expand(self.rows, *shape)


def end_moments(sampler: Sampler, flow: GaussianFlow, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Propagate mean and variance of each element from the highest place of the grid to place 0, exactly."""
    number = sampler.diffusion.num_timesteps - 1
    x = torch.zeros(number + 2, *mean.shape, dtype=torch.float64)
    x[1] = 1.0
    state, denoise, noise = SampleStep(x), flow.oracle(sampler.diffusion).denoiser(), UnitNoise(len(x))
    for i in range(number, 0, -1):
        state = sampler.step(denoise, state, i, noise)
    of_zero, of_start, *of_noise = state.sample.unbind()
    gain = of_start - of_zero
    drawn = (torch.stack(of_noise) - of_zero).square().sum(0)
    return of_zero + gain * mean, gain.square() * variance + drawn


def weak_error_of(solver: Solver, flow: GaussianFlow, spacing: str, number: int) -> float:
    """Return the largest error of mean and standard deviation at the lowest level, of y = x / alpha."""
    diffusion = GaussianDiffusion(grid_of(CHAIN, spacing, number), model_var_type=ModelVarType.FIXED_SMALL)
    alpha, sigma = (values[[0, -1]] for values in (diffusion.grid.levels.alpha, diffusion.grid.levels.sigma))
    mean, variance = alpha[1] * flow.mean, alpha[1] ** 2 * flow.variance + sigma[1] ** 2
    mean, variance = end_moments(solver.make(diffusion), flow, mean, variance)
    wrong = mean / alpha[0] - flow.mean, variance.sqrt() / alpha[0] - (flow.variance + LOWEST_RATIO**2).sqrt()
    return float(torch.cat(wrong).abs().max())


def measured_weak_order(solver: Solver, flow: GaussianFlow, spacing: str) -> Measured:
    """Measure the order of mean and covariance."""
    start = "mean and covariance"
    asked = Measured(solver.name, flow.name, spacing, start, solver.order, at_least=False, calls=solver.calls)
    return doubled(asked, lambda number: weak_error_of(solver, flow, spacing, number))
