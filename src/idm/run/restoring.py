"""Drawing samples of a trained model that agree with what was observed of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.restoration import Method, Observation, Operator, restoring
from idm.run.drawing import require_memory
from idm.run.observing import Observed, observations_of
from idm.run.opened import Opened
from idm.samplers import Sampler

DEFAULT_STEPS = 100
"""Steps of a restoration where nothing else is said, by ancestral sampling, whose noise forgets early mistakes."""

Look = Callable[[int], None]
"""Called after every step, with how many samples took it."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What is to be drawn: ``num`` samples of each observation, in turn.

    Attributes:
        observations: one of each, in the model's range.
        num: samples of each.
        method: how an observation is heeded.
        sampler: how steps are taken.
        labels: class of each observation; None where it has none.
        seed: draw j of observation i is drawn from seed + num i + j.
    """

    observations: Sequence[Observation]
    num: int
    method: Method
    sampler: Sampler
    labels: Sequence[int | None]
    seed: int = 0

    def __len__(self) -> int:
        """Count all samples."""
        return len(self.observations) * self.num

    @property
    def steps(self) -> int:
        """Steps of each sample, every time that one is taken."""
        return self.method.num_steps(self.sampler, self.observations[0])

    def draw(self, run: Opened, rows: range, look: Look) -> Tensor:
        """Draw the samples of those numbers, [n, c, *space] in the model's range, on the CPU.

        Raises:
            NumericalError: samples are not finite.
        """
        return torch.cat([self._batch(run, numbers, seen, look) for numbers, seen in self._batches(rows)])

    def _batches(self, rows: range) -> Iterator[tuple[list[int], Observation]]:
        """Yield samples that are observed by one operator together."""
        for _, group in groupby(rows, key=lambda row: id(self.observations[row // self.num].operator)):
            numbers = list(group)
            each = [self.observations[row // self.num] for row in numbers]
            yield numbers, replace(each[0], values=torch.cat([one.values for one in each]))

    def _batch(self, run: Opened, numbers: list[int], observation: Observation, look: Look) -> Tensor:
        sampler, seeds = self.sampler, [self.seed + number for number in numbers]
        conditioning = run.conditioning(None, [self.labels[number // self.num] for number in numbers])
        denoise = run.denoiser(sampler.diffusion, conditioning)
        x = sampler.initial_noise((len(numbers), *run.spec.shape), seed=seeds, device=run.device)
        observation = replace(observation, values=observation.values.to(run.device))
        for state in restoring(sampler, denoise, observation, x, method=self.method, seed=seeds):
            x = state.sample
            look(len(numbers))
        return require_finite(x.cpu(), "samples")


def plan_draws(
    run: Opened,
    observed: Observed,
    operator: Operator,
    *,
    noise: float,
    num: int,
    method: Method,
    sampler: Sampler | None,
    labels: Sequence[int] | None,
    seed: int,
) -> Draws:
    """Check what is asked for, all but the observations in the units of the data as of ``Run.restore``.

    Raises:
        SettingsError: numbers out of range, or a method that does not go with operator or sampler.
        DataError: holes where none can be.
    """
    if num < 1 or not 0 <= noise < math.inf:
        raise SettingsError(f"num and noise: at least 1, and a number of at least 0, wanted, got {num} and {noise}")
    require_memory(len(observed.values) * num, run.spec.shape)
    count = len(observed.values)
    known = observed.labels if labels is None else [labels[row % len(labels)] for row in range(count)]
    run.conditioning(None, known)
    sampler = restoring_sampler(run, {}) if sampler is None else sampler
    draws = Draws(observations_of(run, operator, observed, noise), num, method, sampler, known, seed)
    for observation in {id(one.operator): one for one in draws.observations}.values():
        method.check(sampler, observation)
    return draws


def restoring_sampler(run: Opened, changes: Mapping[str, Any], listener: Listener = SILENT) -> Sampler:
    """Return the sampler of a restoration: DDPM in 100 steps, or all where there are fewer, with settings changed."""
    usual: dict[str, Any] = {} if {"name", "eta"} & changes.keys() else {"name": "ddpm"}
    if "plan" not in changes:
        usual["steps"] = min(DEFAULT_STEPS, run.diffusion.num_timesteps)
    return run.sampler(listener=listener, **{**usual, **changes})


def draw_all(run: Opened, draws: Draws, batch_size: int, listener: Listener) -> Tensor:
    """Draw all samples, a batch at a time; errors as of ``Draws.draw``."""
    parts: list[Tensor] = []
    with listener.follow("restoring", len(draws), unit="samples", parts=draws.steps) as bar:
        for first in range(0, len(draws), batch_size):
            parts.append(draws.draw(run, range(first, min(first + batch_size, len(draws))), bar.advance))
    return torch.cat(parts)


@dataclass(frozen=True, eq=False)
class Restored:
    """Samples that agree with observations, in the units, the type and the order of axes of the data.

    Attributes:
        draws: [n, num, ...], ``num`` of each observation.
        mean: of the draws of each observation [n, ...], float64.
        std: standard deviation of them, likewise; 0 where there is one draw.
    """

    draws: NDArray[Any]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(cls, run: Opened, x: Tensor, num: int) -> "Restored":
        """Summarise samples in the model's range [n * num, c, *space]."""
        data = run.spec.restore(run.spec.codec.decode(x))
        draws = data.reshape(-1, num, *data.shape[1:])
        values = draws.astype(np.float64)
        std = values.std(axis=1, ddof=1) if num > 1 else np.zeros_like(values[:, 0])
        return cls(draws, values.mean(axis=1), std)
