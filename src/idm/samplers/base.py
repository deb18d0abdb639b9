"""The sampling loop, written once; a sampler says only how one step is taken.

    seeds -> x_T -> trajectory: step(T - 1), ..., step(0) -> x_0

A sampler holds a ``GaussianDiffusion`` (composition) and the options of its own rule. It is a value: nothing
changes while it samples. What a rule needs to remember from step to step travels in ``SampleStep.memory``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.limits import refuse_out_of_range
from idm.core.progress import progress as show_progress
from idm.core.progress import warn_once
from idm.core.rng import NoiseSource, Rng
from idm.core.types import Images, Network
from idm.diffusion import DenoisedFn, GaussianDiffusion, ModelKwargs
from idm.samplers.noise import StepNoise

LARGEST_GAIN = 20.0
"""Errors of the network's output that become so many times as large in an x_0 that is not clipped are called out."""

Seed = int | Sequence[int]
"""One seed per image, or one integer s for seeds s, s + 1, ...; image i depends on its own seed alone."""


@dataclass(frozen=True)
class SampleStep:
    """State of the chain after a step.

    Attributes:
        sample: x_{t-1}, or x_T before the first step.
        pred_xstart: the x_0 that the step predicted; None before the first step.
        memory: whatever the sampler wants to see again at its next step.
    """

    sample: Tensor
    pred_xstart: Tensor | None = None
    memory: object = None


@dataclass(frozen=True)
class Sampler(ABC):
    """Walks a diffusion process backwards.

    Attributes:
        diffusion: the process; respace it to take fewer steps.
        clip_denoised: clamp each predicted x_0 to [-1, 1].
        denoised_fn: applied to each predicted x_0 before clipping.
    """

    diffusion: GaussianDiffusion
    clip_denoised: bool = True
    denoised_fn: DenoisedFn | None = None

    def __post_init__(self) -> None:
        """Refuse options beyond the ranges that their annotations state; one's own checks call this first.

        Raises:
            SettingsError: a line per wrong option.
        """
        refuse_out_of_range(type(self), vars(self))

    @property
    def clips(self) -> bool:
        """Whether a predicted x_0 is kept in [-1, 1]."""
        return self.clip_denoised

    @abstractmethod
    def step(
        self, model: Network, previous: SampleStep, t: int, rng: NoiseSource, model_kwargs: ModelKwargs | None = None
    ) -> SampleStep:
        """Go from step ``t`` to t - 1 (from 0 to clean data).

        Args:
            model: the network.
            previous: state at step t.
            t: the step, the same for the whole batch.
            rng: noise, one seed per sample.
            model_kwargs: conditioning.
        """

    def trajectory(
        self,
        model: Network,
        x_T: Images,  # noqa: N803 (the field's name)
        *,
        model_kwargs: ModelKwargs | None = None,
        seed: Seed = 0,
        start: int | None = None,
    ) -> Iterator[SampleStep]:
        """Yield the state after each step; the caller keeps, plots or drops it. Gradients are off.

        Args:
            model: the network.
            x_T: samples at step ``start``.
            model_kwargs: conditioning.
            seed: seeds of the noise that the steps add.
            start: the step that x_T is at, from -1 (clean: no step is left) to T - 1, the default.

        Raises:
            SettingsError: a start outside of the chain (at the first state asked for).
        """
        last = self.diffusion.num_timesteps - 1
        first = last if start is None else start
        if not -1 <= first <= last:
            raise SettingsError(f"start: a step from -1 (clean) to {last} wanted, got {start}")
        rng = StepNoise(Rng.from_seed(seed, x_T.shape[0], x_T.device))
        state = SampleStep(x_T)
        for t in range(first, -1, -1):
            with torch.no_grad():
                state = self.step(model, state, t, rng, model_kwargs)
            yield state

    def initial_noise(
        self, shape: Sequence[int], *, seed: Seed = 0, device: torch.device | str | None = None
    ) -> Images:
        """Draw x_T, standard normal of ``shape`` [b, c, *space]; image i depends on its own seed alone."""
        if len(shape) < 2 or min(shape) < 1:
            raise SettingsError(f"shape: batch, channels and any spatial sizes wanted, got {tuple(shape)}")
        return Rng.from_seed(seed, shape[0], device).normal("x_T", 0, tuple(shape[1:]))

    def sample(
        self,
        model: Network,
        shape: Sequence[int],
        *,
        noise: Images | None = None,
        model_kwargs: ModelKwargs | None = None,
        seed: Seed = 0,
        device: torch.device | str | None = None,
        progress: bool = False,
    ) -> Images:
        """Draw samples.

        Args:
            model: the network.
            shape: batch, channels, spatial sizes.
            noise: x_T; drawn from ``seed`` if None.
            model_kwargs: conditioning, such as labels ``y`` [b].
            seed: one integer, or one per image. Image i is the same in every batch.
            device: where to sample; the noise's or the network's device by default.
            progress: show a progress bar.

        Returns:
            Samples in the model's range, of ``shape``.
        """
        if noise is None:
            noise = self.initial_noise(shape, seed=seed, device=device or _device_of(model))
        elif tuple(noise.shape) != tuple(shape):
            raise SettingsError(f"noise: shape {tuple(shape)} wanted, got {tuple(noise.shape)}")
        sample = noise
        warn_of_unclipped(self)
        with show_progress("sampling", self.diffusion.num_timesteps, enabled=progress) as bar:
            for state in self.trajectory(model, noise, model_kwargs=model_kwargs, seed=seed):
                sample = state.sample
                bar.advance()
        return sample


def warn_of_unclipped(sampler: Sampler) -> None:
    """Say once where errors of the network become very much larger ones of an x_0 that nothing keeps in range."""
    process = sampler.diffusion
    gain = process.largest_gain
    if sampler.clips or sampler.denoised_fn is not None or gain <= LARGEST_GAIN:
        return
    most = process.schedule.num_steps_below(LARGEST_GAIN)
    warn_once(
        f"sampler: x_0 is not clipped, and at the noisiest step it has {gain:,.0f} times the error of the network's "
        f"output, so samples may be useless; set clip_denoised=true, or take a chain of the first {most:,} steps, "
        f"diffusion.respace(range({most}))"
    )


def _device_of(model: Network) -> torch.device:
    """Device of a module's parameters; the CPU for any other callable."""
    parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device
