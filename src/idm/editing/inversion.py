"""Encoding data into the noise that DDIM would make it from, and back.

Levels are explicit: CLEAN (-1) is the data, level t in [0, T) is x_t. ``encode`` goes up from the clean
level, ``decode`` down to it; each pairs the same two levels, so that encoding and then decoding approaches
the identity at first order in the step. Nothing is clipped on the way.
"""

from collections.abc import Iterator

import torch

from idm.core.errors import SettingsError
from idm.core.progress import progress as show_progress
from idm.core.types import Images, Network
from idm.diffusion import GaussianDiffusion, ModelKwargs
from idm.samplers import SamplerDDIM, SampleStep
from idm.schedules import refuse_more_steps, spaced

CLEAN = -1
"""The level of clean data, one below step 0."""

DEFAULT_STEPS = 100


MAX_NOISE_TO_SIGNAL = 20.0
"""Where inversion turns around: further up, x_0 is what is left of x_t less many times its size in noise."""


def inversion_process(
    diffusion: GaussianDiffusion, num_steps: int | None = None, *, max_noise_to_signal: float = MAX_NOISE_TO_SIGNAL
) -> GaussianDiffusion:
    """Return the process on whose steps data are best encoded and decoded.

    Its steps are spaced evenly over those whose noise-to-signal ratio sqrt(1 / abar - 1) is at most
    ``max_noise_to_signal``: nothing is clipped in an inversion, see ``NoiseSchedule.num_steps_below``.

    Args:
        diffusion: the process that the network was trained on.
        num_steps: how many steps; more of them, smaller error. All there are, but at most 100, if None.
        max_noise_to_signal: ratio at the noisiest step.

    Raises:
        SettingsError: more steps than there are, or a ratio below every step's.
    """
    available = diffusion.schedule.num_steps_below(max_noise_to_signal)
    if available == 0:
        least = diffusion.schedule.sqrt_recipm1_alphas_cumprod[0]
        raise SettingsError(f"max_noise_to_signal: at least {least:.4g} wanted, got {max_noise_to_signal}")
    chain = diffusion.respace(range(available))
    wanted = min(DEFAULT_STEPS, available) if num_steps is None else num_steps
    refuse_more_steps(chain.schedule, wanted, "steps", or_all=False)
    return chain.respace(spaced(available, wanted))


def encode(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Images,
    *,
    level: int | None = None,
    model_kwargs: ModelKwargs | None = None,
    progress: bool = False,
) -> Images:
    """Carry clean data up to a level, deterministically.

    Args:
        diffusion: the process, as a rule from ``inversion_process``; more steps, smaller error.
        model: the network.
        x_start: clean data in [-1, 1].
        level: where to stop, from CLEAN to T - 1; the noisiest level, T - 1, by default.
        model_kwargs: conditioning.
        progress: show a progress bar.

    Returns:
        x_t at that level.

    Raises:
        SettingsError: a level outside of the chain.
    """
    stop = _checked(diffusion, level)
    sampler = _unclipped(diffusion)
    x = x_start
    with torch.no_grad(), show_progress("encoding", stop + 1, enabled=progress) as bar:
        for t in range(CLEAN, stop):
            x = _up(sampler, model, x, t, model_kwargs)
            bar.advance()
    return x


def decode(
    diffusion: GaussianDiffusion,
    model: Network,
    x_t: Images,
    *,
    level: int | None = None,
    model_kwargs: ModelKwargs | None = None,
    progress: bool = False,
) -> Images:
    """Carry samples at a level down to clean data, deterministically; arguments as in ``encode``."""
    start = _checked(diffusion, level)
    x = x_t
    with show_progress("decoding", start + 1, enabled=progress) as bar:
        for state in decoding(diffusion, model, x_t, level=level, model_kwargs=model_kwargs):
            x = state.sample
            bar.advance()
    return x


def decoding(
    diffusion: GaussianDiffusion,
    model: Network,
    x_t: Images,
    *,
    level: int | None = None,
    model_kwargs: ModelKwargs | None = None,
) -> Iterator[SampleStep]:
    """Yield the states that ``decode`` passes through."""
    start = _checked(diffusion, level)
    return _unclipped(diffusion).trajectory(model, x_t, model_kwargs=model_kwargs, start=start)


def edit(
    diffusion: GaussianDiffusion,
    model: Network,
    x_start: Images,
    *,
    level: int,
    model_kwargs: ModelKwargs | None = None,
    edited_kwargs: ModelKwargs | None = None,
) -> Images:
    """Encode to an intermediate level and decode under another conditioning.

    What is coarser than the level's noise stays; what is finer is drawn anew to suit the new conditioning.

    Args:
        diffusion: the process.
        model: the network.
        x_start: clean data in [-1, 1].
        level: how far to go up, from CLEAN to T - 1.
        model_kwargs: conditioning of the data as they are.
        edited_kwargs: conditioning of the data as they shall be.
    """
    x_t = encode(diffusion, model, x_start, level=level, model_kwargs=model_kwargs)
    return decode(diffusion, model, x_t, level=level, model_kwargs=edited_kwargs)


def _unclipped(diffusion: GaussianDiffusion) -> SamplerDDIM:
    return SamplerDDIM(diffusion, clip_denoised=False)


def _checked(diffusion: GaussianDiffusion, level: int | None) -> int:
    top = diffusion.num_timesteps - 1
    if level is None:
        return top
    if not CLEAN <= level <= top:
        raise SettingsError(f"level: a number from {CLEAN} (clean) to {top} wanted, got {level}")
    return level


def _up(sampler: SamplerDDIM, model: Network, x: Images, t: int, model_kwargs: ModelKwargs | None) -> Images:
    """One level up from level ``t``; clean data are shown to the network as step 0."""
    if t > CLEAN:
        return sampler.ddim_reverse_sample(model, x, t, model_kwargs=model_kwargs).sample
    _, eps = sampler.directions(model, x, 0, model_kwargs)
    return sampler.diffusion.q_sample(x, 0, eps)
