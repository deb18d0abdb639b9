"""The sampling loop, written once; a sampler says only how one step is taken.

    seeds -> x_T -> trajectory: step(T - 1), ..., step(0) -> x_0

A sampler holds a ``GaussianDiffusion`` (composition) and the options of its own rule. It is a value: nothing
changes while it samples. What a rule needs to remember from step to step travels in ``SampleStep.memory``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, ClassVar, Generic

import torch
from annotated_types import Ge, Le

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.limits import refuse_out_of_range
from idm.core.progress import SILENT, Listener, warn_once
from idm.core.rng import NoiseSource, Rng
from idm.core.types import Images, Network
from idm.diffusion import Clipped, DenoisedFn, Denoiser, GaussianDiffusion, ModelKwargs
from idm.samplers.noise import StepNoise
from idm.samplers.state import Memory, SampleStep, Seed, device_of_network

LARGEST_GAIN = 20.0
"""Largest factor by which errors of the network's output grow in an x_0 that is not clipped; a larger one is told."""


@dataclass(frozen=True, repr=False)
class Sampler(ABC, Generic[Memory]):
    """Walks a diffusion process backwards.

    Attributes:
        diffusion: the process; respace it to take fewer steps.
        clip_denoised: clamp each predicted x_0 to [-1, 1].
        denoised_fn: applied to each predicted x_0 before clipping.
        threshold: dynamic thresholding: in place of clamping alone, first clamp and divide each sample by the quantile
            of its |x_0| that this is the share of, where that is above 1; 0.995 with strong guidance, 0: off.
        usual_spacing: name of the grid that the rule is made for; "": any.
    """

    usual_spacing: ClassVar[str] = ""
    diffusion: GaussianDiffusion
    clip_denoised: bool = True
    denoised_fn: DenoisedFn | None = None
    threshold: Annotated[float, Ge(0), Le(1)] = 0.0

    def __post_init__(self) -> None:
        """Refuse options beyond the ranges that their annotations state; one's own checks call this first.

        Raises:
            SettingsError: a line per wrong option, or thresholding of an x_0 that may have any size.
        """
        refuse_out_of_range(type(self), vars(self))
        if self.threshold > 0 and not self.clips:
            raise SettingsError(
                f"threshold: 0 wanted where x_0 is not kept in [-1, 1], got {self.threshold}; set {self.way_to_clip} "
                "for bounded data, or leave it out"
            )

    def __repr__(self) -> str:
        """Write the steps, and the options that are not the defaults, in a line."""
        grid = self.diffusion.grid
        steps = f"{grid.num_timesteps:,} of {len(grid.schedule_times):,} steps"
        _, *options = ((entry.name, getattr(self, entry.name), entry.default) for entry in fields(self))
        told = [f"{name}={_in_words(value)}" for name, value, usual in options if value is not usual and value != usual]
        return f"{type(self).__name__}({', '.join([steps, *told])})"

    @property
    def clips(self) -> bool:
        """Whether a predicted x_0 is kept in [-1, 1]."""
        return self.clip_denoised

    @property
    def way_to_clip(self) -> str:
        """The option, with its value, that keeps a predicted x_0 in [-1, 1] where nothing does."""
        return "clip_denoised=true"

    @property
    def num_calls(self) -> int:
        """Calls of the network for a whole chain."""
        return self.diffusion.num_timesteps

    @property
    def uses_variance(self) -> bool:
        """Whether the variance of the process plays a part in samples."""
        return not self.why_no_variance

    @property
    def why_no_variance(self) -> str:
        """Why the variance of the process plays no part in samples, such as "which uses none"; "" where it does."""
        return "which uses none"

    @property
    def way_to_use_variance(self) -> str:
        """What to do for a variance to play a part."""
        return "choose another sampler, such as ddpm"

    @abstractmethod
    def step(self, denoise: Denoiser, state: SampleStep[Memory], i: int, noise: NoiseSource) -> SampleStep[Memory]:
        """Go from place ``i`` of the process's grid to i - 1 (from 0 to clean data).

        Args:
            denoise: finds x_0.
            state: state at place i.
            i: the place, the same for the whole batch.
            noise: noise, one seed per sample.
        """

    def denoiser(self, network: Network, conditioning: ModelKwargs | None = None) -> Denoiser:
        """Return the denoiser that ``network`` is for this sampler, x_0 clipped as its options say."""
        return self.clipped(self.diffusion.denoiser(network, conditioning=conditioning, clip=False))

    def clipped(self, denoise: Denoiser) -> Denoiser:
        """Return another denoiser, such as a guided one, with x_0 clipped as the options say."""
        if not self.clips and self.denoised_fn is None:
            return denoise
        return Clipped(denoise, self.clips, self.denoised_fn, self.threshold)

    def walk(
        self, denoise: Denoiser, x: Images, *, seed: Seed = 0, start: int | None = None
    ) -> Iterator[SampleStep[Memory]]:
        """Yield the state after each step; the caller keeps, plots or drops it. Gradients are off.

        Args:
            denoise: finds x_0, clipped or not as it was made.
            x: samples at place ``start``.
            seed: seeds of the noise that the steps add.
            start: the place that x is at, from -1 (clean: no step is left) to T - 1, the default.

        Raises:
            SettingsError: a start outside of the chain (at the first state asked for).
        """
        states = self._states(denoise, x, seed, start)
        while True:
            with torch.no_grad():  # at each step, not while the caller has its state
                state = next(states, None)
            if state is None:
                return
            yield state

    def _states(self, denoise: Denoiser, x: Images, seed: Seed, start: int | None) -> Iterator[SampleStep[Memory]]:
        last = self.diffusion.num_timesteps - 1
        first = last if start is None else whole_number(start, "start")
        if not -1 <= first <= last:
            raise SettingsError(f"start: a step from -1 (clean) to {last} wanted, got {start}")
        noise = StepNoise(Rng.from_seed(seed, x.shape[0], x.device))
        state = SampleStep[Memory](x)
        for i in range(first, -1, -1):
            state = self.step(denoise, state, i, noise)
            yield state

    def trajectory(
        self,
        model: Network,
        x_T: Images,  # noqa: N803 (the field's name)
        *,
        model_kwargs: ModelKwargs | None = None,
        seed: Seed = 0,
        start: int | None = None,
    ) -> Iterator[SampleStep[Memory]]:
        """``walk`` with a network: its conditioning is ``model_kwargs``, the rest as there."""
        return self.walk(self.denoiser(model, model_kwargs), x_T, seed=seed, start=start)

    def initial_noise(
        self, shape: Sequence[int], *, seed: Seed = 0, device: torch.device | str | None = None
    ) -> Images:
        """Draw x_T of ``shape`` [b, c, *space], standard normal on a chain; image i depends on its own seed alone."""
        sizes = tuple(whole_number(size, "shape") for size in shape)
        if len(sizes) < 2 or min(sizes) < 1:
            raise SettingsError(f"shape: batch, channels and any spatial sizes wanted, got {sizes}")
        noise = Rng.from_seed(seed, sizes[0], device).normal("x_T", 0, sizes[1:])
        grid = self.diffusion.grid
        return grid.path.start(grid.level(self.diffusion.num_timesteps - 1, noise), noise)

    def sample(
        self,
        model: Network,
        shape: Sequence[int],
        *,
        noise: Images | None = None,
        model_kwargs: ModelKwargs | None = None,
        seed: Seed = 0,
        device: torch.device | str | None = None,
        listener: Listener = SILENT,
    ) -> Images:
        """Draw samples.

        Args:
            model: the network.
            shape: batch, channels, spatial sizes.
            noise: x_T; drawn from ``seed`` if None.
            model_kwargs: conditioning, such as labels ``y`` [b].
            seed: one integer, or one per image. Image i is the same in every batch.
            device: where to sample; the noise's or the network's device by default.
            listener: hears how it gets on.

        Returns:
            Samples in the model's range, of ``shape``.
        """
        if noise is None:
            noise = self.initial_noise(shape, seed=seed, device=device or device_of_network(model))
        elif tuple(noise.shape) != tuple(shape):
            raise SettingsError(f"noise: shape {tuple(shape)} wanted, got {tuple(noise.shape)}")
        warn_of_unclipped(self)
        return self.draw(self.denoiser(model, model_kwargs), noise, seed=seed, listener=listener)

    def draw(
        self,
        denoise: Denoiser,
        x: Images,
        *,
        seed: Seed = 0,
        start: int | None = None,
        watch: Callable[[SampleStep[Memory]], None] | None = None,
        listener: Listener = SILENT,
    ) -> Images:
        """Return the last state of ``walk``, or x where no step is left; ``watch`` is shown the state after each step.

        Gradients are off throughout, in ``watch`` too. The other arguments are as there.
        """
        steps = 1 + (self.diffusion.num_timesteps - 1 if start is None else start)
        with torch.no_grad(), listener.follow("sampling", steps) as bar:
            for state in self._states(denoise, x, seed, start):
                x = state.sample
                if watch is not None:
                    watch(state)
                bar.advance()
        return x


def warn_of_unclipped(sampler: Sampler) -> None:
    """Say once where errors of the network become very much larger ones of an x_0 that nothing keeps in range."""
    if sampler.clips or sampler.denoised_fn is not None:
        return
    gain, most = sampler.diffusion.largest_gain, sampler.diffusion.grid.num_steps_below(LARGEST_GAIN)
    if gain > LARGEST_GAIN:
        chain = f", or take a chain of the first {most:,} steps, in Python diffusion.respace(range({most}))"
        warn_once(
            f"sampler: x_0 is not clipped, and at the noisiest step it has {gain:,.0f} times the error of the "
            f"network's output, so samples may be useless; set {sampler.way_to_clip}{chain if most else ''}"
        )


def _in_words(option: object) -> str:
    """Write the value of an option: a member of an enum, or a function, by its name."""
    return option.name.lower() if isinstance(option, Enum) else getattr(option, "__name__", None) or repr(option)
