"""Observations of known data, with draws from their exact posteriors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.core.types import Images
from idm.diffusion import Analytic, Denoised, Denoiser, ErrorCurve, GaussianDiffusion, ModelVarType
from idm.proof.known import Known, View
from idm.proof.orders import CHAIN, PATHS
from idm.restoration import Method, Observation, observe, restore
from idm.samplers import Sampler
from idm.schedules import Level, PathGrid

HIGHEST_RATIO = 20.0
"""Noise-to-signal ratio from which samplers go."""

DATA_SEED, NOISE_SEED, WALK_SEED, START_SEED, FIRST_SEED, SECOND_SEED = 11, 12, 1_000_000, 2_000_000, 10_000, 20_000
"""Seeds of data, of the noise of observations, of walks and where they start, and of two sets of exact draws."""

CURVE_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Case:
    """Observations in one view of known data.

    Attributes:
        data: the distribution.
        name: of the view.
        view: what is observed.
        num_cases: observations.
        num_draws: from the posterior given each of them.
    """

    data: Known
    name: str
    view: View
    num_cases: int
    num_draws: int

    @cached_property
    def observation(self) -> Observation:
        """What was observed."""
        x = self.data.draw(self.num_cases, DATA_SEED)
        observed = observe(x, self.view.operator, self.view.noise, NOISE_SEED)
        if self.view.value is None:
            return observed
        return replace(observed, values=torch.full_like(observed.values, self.view.value))

    @cached_property
    def _answers(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        operator, values = self.view.operator, self.observation.values.flatten(1)
        number = torch.Size(self.data.shape).numel()
        units = torch.eye(number, dtype=torch.float64).view(number, *self.data.shape)
        matrix = operator.apply(units).flatten(1).T
        answers = [self.data.posterior(matrix, row, self.view.noise) for row in values]
        return [
            (
                answer.mean,
                answer.draw(self.num_draws, FIRST_SEED + self.num_draws * place).flatten(1),
                answer.draw(self.num_draws, SECOND_SEED + self.num_draws * place).flatten(1),
            )
            for place, answer in enumerate(answers)
        ]

    @property
    def mean(self) -> Tensor:
        """Means of the posteriors [n, d]."""
        return torch.stack([mean for mean, _, _ in self._answers])

    @property
    def exact(self) -> Tensor:
        """Draws from the posteriors [n, k, d]."""
        return torch.stack([first for _, first, _ in self._answers])

    @property
    def exact_again(self) -> Tensor:
        """As many others."""
        return torch.stack([second for _, _, second in self._answers])

    def restored(self, method: Method, sampler: Sampler) -> "Draws":
        """Restore each observation as often as there are exact draws."""
        rows = torch.arange(self.num_cases).repeat_interleave(self.num_draws)
        start = sampler.initial_noise((len(rows), *self.data.shape), seed=START_SEED).double()
        counted = Counted(self.data.oracle(sampler.diffusion).denoiser())
        x = restore(sampler, counted, self.observation.select(rows), start, method=method, seed=WALK_SEED)
        calls, backward = (number / len(rows) for number in counted.numbers)
        return Draws(x.flatten(1).unflatten(0, (self.num_cases, self.num_draws)), calls, backward)


@dataclass(frozen=True, eq=False)
class Draws:
    """What a method drew.

    Attributes:
        samples: [n, k, d].
        calls: of the denoiser, for each draw.
        backward: products with its derivative, for each draw.
    """

    samples: Tensor
    calls: float
    backward: float


@final
class Counted:
    """A denoiser that counts.

    Attributes:
        numbers: samples denoised, and products of a sample's derivative.
    """

    def __init__(self, inner: Denoiser, numbers: list[int] | None = None) -> None:
        """Count calls of ``inner``."""
        self._inner, self.numbers = inner, [0, 0] if numbers is None else numbers

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Denoise, and count."""
        found = self._inner(x, at)
        self.numbers[0] += len(x)
        if found.raw.requires_grad:
            found.raw.register_hook(self._count_backward)
        return found

    def _count_backward(self, gradient: Tensor) -> None:
        self.numbers[1] += len(gradient)

    def select(self, rows: Tensor, /) -> "Counted":
        """Count in the same place."""
        return Counted(self._inner.select(rows), self.numbers)


def process(data: Known, num_steps: int) -> GaussianDiffusion:
    """Return the levels of ``num_steps`` steps, evenly in log kappa, with the analytic variance of the data.

    The variance is that of steps of a whole distribution (Bao et al. 2022), as ``idm calibrate`` measures it.
    """
    kappas = data.lowest * (HIGHEST_RATIO / data.lowest) ** (np.arange(num_steps) / max(1, num_steps - 1))
    path = PATHS[CHAIN]
    diffusion = GaussianDiffusion(PathGrid(path, path.time_of(np.log(kappas))), model_var_type=ModelVarType.FIXED_SMALL)
    errors = _errors(data, diffusion)
    growing = np.maximum.accumulate(errors).tolist()
    curve = ErrorCurve(tuple(np.log(kappas).tolist()), tuple(growing), (None,) * num_steps)
    return diffusion.replace(model_var_type=Analytic.of(diffusion.variance, curve))


def _errors(data: Known, diffusion: GaussianDiffusion) -> Sequence[float]:
    """Mean of Var(x_0 | x_t) over data, values and noise, at each level."""
    x, denoise = data.draw(CURVE_DRAWS, DATA_SEED), data.oracle(diffusion).denoiser()
    noise = Rng.from_seed(NOISE_SEED, len(x)).normal("levels", 0, x.shape[1:], torch.float64)

    def error(place: int) -> float:
        level = diffusion.grid.level(place, x)
        variance = denoise(level.diffuse(x, noise), level).variance
        assert variance is not None
        return float(variance.mean())

    return [error(place) for place in range(diffusion.num_timesteps)]
