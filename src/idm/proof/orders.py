"""Orders of samplers that follow the flow: the distance of where they end from where the flow does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from torch import Tensor

from idm.core.rng import Rng
from idm.diffusion import Denoised, Denoiser, GaussianDiffusion, ModelMeanType, Prediction
from idm.diffusion.predictions import StartX
from idm.proof.flows import HIGHEST_RATIO, LOWEST_RATIO, Flow
from idm.proof.measured import Measured, doubled
from idm.proof.solvers import Solver
from idm.samplers import Sampler, SamplerMultistep, SampleStep
from idm.samplers.noise import StepNoise
from idm.schedules import Flow as StraightPath
from idm.schedules import Level, Path, PathGrid, cosine_schedule
from idm.schedules.table import Float64

PATHS: Mapping[str, Path] = {"chain": cosine_schedule(1000).path, "straight path": StraightPath()}
RATIOS: Mapping[str, Callable[[Float64], Float64]] = {
    "log_snr": lambda shares: LOWEST_RATIO * (HIGHEST_RATIO / LOWEST_RATIO) ** shares,
    "rho": lambda shares: (
        (LOWEST_RATIO ** (1 / 7) + shares * (HIGHEST_RATIO ** (1 / 7) - LOWEST_RATIO ** (1 / 7))) ** 7
    ),
}
"""Noise-to-signal ratios by their shares of the way up, as the grids of those names have them."""

CHAIN, X_START = "chain", StartX()

MOST_VALUES = 4
"""Most values that a rule remembers."""

SPREAD_STEPS = 12


@dataclass(frozen=True)
class Said:
    """A denoiser that says x_0 in the terms of a prediction, from which it is read again."""

    inner: Denoiser
    prediction: Prediction

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        """Convert there and back."""
        known = self.inner(x, at).x_start
        output = self.prediction.target(known, x, at.eps(x, known), at)
        x_start = self.prediction.x_start(output, x, at)
        return Denoised(x_start, x_start, mean=output if self.prediction.is_mean else None)

    def select(self, rows: Tensor, /) -> "Said":
        """Select from the inner denoiser."""
        return Said(self.inner.select(rows), self.prediction)


def grid_of(path: str, spacing: str, number: int, above: int = 0) -> PathGrid:
    """Return the levels of ``number`` steps, and some more above them."""
    kappas = RATIOS[spacing](np.arange(number + 1 + above) / number)
    return PathGrid(PATHS[path], PATHS[path].time_of(np.log(kappas)))


def end_of(sampler: Sampler, denoise: Denoiser, flow: Flow, number: int, *, exact: bool) -> Tensor:
    """Return y at the lowest level after ``number`` steps from the highest one, where the flow starts.

    Args:
        sampler: on the levels of ``number`` steps and, where the start is exact, some above them.
        denoise: finds x_0.
        flow: what is known.
        number: of steps.
        exact: whether a rule with memory starts with exact values, from exact states at the levels above.
    """
    states = flow.states(sampler.diffusion.grid, number)
    state, noise = SampleStep(states[0]), StepNoise(Rng.from_seed(0, len(states[0]), "cpu"))
    if exact and isinstance(sampler, SamplerMultistep):
        levels = [sampler.diffusion.grid.level(number + back, states[0]) for back in range(sampler.order + 1)]
        seen = [(x, denoise(x, at)) for x, at in zip(states, levels, strict=False)]
        state = sampler.state_after(states[0], number, seen)
    for i in range(number, 0, -1):
        state = sampler.step(denoise, state, i, noise)
    return state.sample / sampler.diffusion.grid.levels.alpha[0]


def walked(
    solver: Solver, flow: Flow, spacing: str, number: int, *, exact: bool, path: str = CHAIN, said: Prediction = X_START
) -> Tensor:
    """Return y at the lowest level after ``number`` steps of a solver, of x_0 that is said in terms of a prediction."""
    diffusion = GaussianDiffusion(grid_of(path, spacing, number, above=MOST_VALUES if exact else 0))
    denoise = flow.oracle(diffusion).denoiser()
    if said != X_START:
        denoise = Said(denoise, said.on(diffusion.grid))
    return end_of(solver.make(diffusion), denoise, flow, number, exact=exact)


def measured_order(solver: Solver, flow: Flow, spacing: str, *, exact: bool) -> Measured:
    """Measure the order of a solver on the chain, and how far other predictions and paths end from there."""
    order, start = (solver.order, "exact") if exact else (solver.ordinary, "ordinary")
    usual = walked(solver, flow, spacing, SPREAD_STEPS, exact=exact)
    spread = max(
        _distance(walked(solver, flow, spacing, SPREAD_STEPS, exact=exact, path=path, said=said.value), usual)
        for path, said in product(PATHS, ModelMeanType)
    )
    asked = Measured(
        solver.name, flow.name, spacing, start, order, at_least=not exact, calls=solver.calls, spread=spread
    )
    end = flow.state(LOWEST_RATIO)
    return doubled(asked, lambda number: _distance(walked(solver, flow, spacing, number, exact=exact), end))


def _distance(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())
