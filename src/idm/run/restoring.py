"""Drawing samples of a trained model that agree with what was observed of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.diffusion import ModelKwargs
from idm.restoration import Method, Observation, Operator, restoring
from idm.run.build import words_of
from idm.run.drawing import require_memory
from idm.run.label_kinds import Label
from idm.run.method_settings import method_in_words
from idm.run.observing import Observed, observations_of
from idm.run.opened import Opened
from idm.samplers import Sampler

RESTORING_STEPS, EDITING_STEPS = 40, 100
"""Steps of a restoration and of an edit where nothing else is said."""

ANCESTRAL: Mapping[str, Any] = {"name": "ddpm"}
SECOND_ORDER: Mapping[str, Any] = {"name": "multistep", "tau": 1.0}
"""Samplers that draw noise, which forgets early mistakes; the second needs half of the steps."""

Look = Callable[[int], None]
"""Called after every step, with how many samples took it."""


@dataclass(frozen=True, eq=False)
class Draws(ABC):
    """What is to be drawn: ``num`` samples of each observation, in turn.

    Attributes:
        observations: one of each, in the model's range.
        num: samples of each.
        labels: class of each observation, which its samples have; None where it has none.
        seed: draw j of observation i is drawn from seed + num i + j.
    """

    observations: Sequence[Observation]
    num: int
    labels: Sequence[Label | None]
    seed: int

    def __len__(self) -> int:
        """Count all samples."""
        return len(self.observations) * self.num

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps of each sample, every time that one is taken."""

    @property
    @abstractmethod
    def way(self) -> str:
        """How samples are drawn, in words."""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """Return how samples are drawn as JSON-able values, which tell one way from another."""

    def draw(self, run: Opened, rows: range, look: Look) -> Tensor:
        """Draw the samples of those numbers, [n, c, *space] in the model's range, on the CPU.

        Raises:
            NumericalError: samples are not finite.
        """
        parts = [self.draw_batch(run, numbers, seen, look) for numbers, seen in self._batches(run, rows)]
        return require_finite(torch.cat(parts).cpu(), "samples")

    @abstractmethod
    def draw_batch(self, run: Opened, numbers: Sequence[int], observation: Observation, look: Look) -> Tensor:
        """Draw the samples of those numbers, of which an observation [n, ...] is on the run's device."""

    def seeds(self, numbers: Sequence[int]) -> list[int]:
        """Return the seed of each sample."""
        return [self.seed + number for number in numbers]

    def conditioning(self, run: Opened, numbers: Sequence[int], labels: Sequence[Label | None]) -> ModelKwargs:
        """Return the conditioning of samples of those numbers, by the labels of their observations."""
        return run.conditioning(None, [labels[number // self.num] for number in numbers])

    def _batches(self, run: Opened, rows: range) -> Iterator[tuple[list[int], Observation]]:
        """Yield samples that are observed by one operator together."""
        for _, group in groupby(rows, key=lambda row: id(self.observations[row // self.num].operator)):
            numbers = list(group)
            each = [self.observations[row // self.num] for row in numbers]
            yield numbers, replace(each[0], values=torch.cat([one.values for one in each]).to(run.device))


@final
@dataclass(frozen=True, eq=False)
class Restorations(Draws):
    """Samples that are drawn on a walk that heeds the observation.

    Attributes:
        method: how it is heeded.
        sampler: how steps are taken.
    """

    method: Method
    sampler: Sampler

    @property
    def steps(self) -> int:
        """As the method says."""
        return self.method.num_steps(self.sampler, self.observations[0])

    @property
    def way(self) -> str:
        """Method and sampler."""
        return f"{method_in_words(self.method)} and {type(self.sampler).__name__}"

    def to_plain(self) -> dict[str, Any]:
        """Method and sampler in words."""
        return {"method": repr(self.method), "sampler": words_of(self.sampler)}

    def draw_batch(self, run: Opened, numbers: Sequence[int], observation: Observation, look: Look) -> Tensor:
        """Walk down from noise."""
        sampler, seeds = self.sampler, self.seeds(numbers)
        denoise = run.denoiser(sampler.diffusion, self.conditioning(run, numbers, self.labels))
        x = sampler.initial_noise((len(numbers), *run.spec.shape), seed=seeds, device=run.device)
        for state in restoring(sampler, denoise, observation, x, method=self.method, seed=seeds):
            x = state.sample
            look(len(numbers))
        return x


def plan_draws(
    run: Opened,
    observed: Observed,
    operator: Operator,
    *,
    noise: float,
    num: int,
    method: Method,
    sampler: Sampler | None,
    labels: Sequence[Label] | None,
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
    known = labels_in_turn(observed.labels, labels)
    run.conditioning(None, known)
    sampler = restoring_sampler(run, method, {}) if sampler is None else sampler
    draws = Restorations(observations_of(run, operator, observed, noise), num, known, seed, method, sampler)
    for observation in {id(one.operator): one for one in draws.observations}.values():
        method.check(sampler, observation)
    return draws


def labels_in_turn(known: Sequence[Label | None], labels: Sequence[Label] | None) -> list[Label | None]:
    """Return the class of each observation: those that are asked for, in turn, or what is known of it."""
    return list(known) if labels is None else [labels[row % len(labels)] for row in range(len(known))]


def restoring_sampler(run: Opened, method: Method, changes: Mapping[str, Any], listener: Listener = SILENT) -> Sampler:
    """Return the sampler of a restoration: multistep of second order with the noise of ancestral sampling, in 40 steps.

    Ancestral sampling itself where the method takes densities of its steps, where the network knows the levels of its
    chain alone, and for another variance than the model's, of which multistep samplers have no use.
    """
    ancestral = method.weighs_steps or run.diffusion.prediction.is_mean or run.variance != "model"
    return _sampler(run, ANCESTRAL if ancestral else SECOND_ORDER, RESTORING_STEPS, changes, listener)


def editing_sampler(run: Opened, changes: Mapping[str, Any], listener: Listener = SILENT) -> Sampler:
    """Return the sampler of an edit: DDPM in 100 steps, with settings changed."""
    return _sampler(run, ANCESTRAL, EDITING_STEPS, changes, listener)


def _sampler(
    run: Opened, usual: Mapping[str, Any], steps: int, changes: Mapping[str, Any], listener: Listener
) -> Sampler:
    """Return a usual sampler unless another is named, of ``steps`` steps, or all where there are fewer."""
    settings: dict[str, Any] = {} if {"name", "eta"} & changes.keys() else dict(usual)
    if "plan" not in changes:
        settings["steps"] = min(steps, run.diffusion.num_timesteps)
    return run.sampler(listener=listener, **{**settings, **changes})


def draw_all(run: Opened, draws: Draws, batch_size: int, listener: Listener, *, doing: str) -> Tensor:
    """Draw all samples, a batch at a time; errors as of ``Draws.draw``."""
    parts: list[Tensor] = []
    with listener.follow(doing, len(draws), unit="samples", parts=draws.steps) as bar:
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
