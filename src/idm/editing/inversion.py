"""Encoding data into the noise that a deterministic sampler would make them from, and back.

Places of the process's grid are explicit: CLEAN (-1) is the data, place t in [0, T) is x_t. ``encode`` goes up from the
clean level, ``decode`` down to it; each pairs the same two levels, so that encoding and then decoding approaches
the identity at first order in the step. Denoisers are to be made with ``clip=False``: nothing is clipped on the way.
"""

from collections.abc import Iterator

import torch

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.samplers import Sampler, SamplerDDIM, SampleStep
from idm.schedules import Grid, refuse_more_steps, spaced

CLEAN = -1
"""The level of clean data, one below step 0."""

DEFAULT_STEPS = 100


MAX_NOISE_TO_SIGNAL = 20.0
"""Where inversion turns around: further up, x_0 is what is left of x_t less many times its size in noise."""


def inversion_process(
    diffusion: GaussianDiffusion, num_steps: int | None = None, *, max_noise_to_signal: float = MAX_NOISE_TO_SIGNAL
) -> GaussianDiffusion:
    """Return the process on whose steps data are best encoded and decoded.

    Its steps are spaced evenly over those whose noise-to-signal ratio sigma / alpha is at most
    ``max_noise_to_signal``: nothing is clipped in an inversion, see ``Grid.num_steps_below``.

    Args:
        diffusion: the process that the network was trained on.
        num_steps: how many steps; more of them, smaller error. All there are, but at most 100, if None.
        max_noise_to_signal: ratio at the noisiest step.

    Raises:
        SettingsError: more steps than there are, or a ratio below every step's.
    """
    available = diffusion.grid.num_steps_below(max_noise_to_signal)
    if available == 0:
        least = float(diffusion.grid.levels.kappa[0])
        raise SettingsError(f"max_noise_to_signal: at least {least:.4g} wanted, got {max_noise_to_signal}")
    chain = diffusion.respace(range(available))
    wanted = min(DEFAULT_STEPS, available) if num_steps is None else num_steps
    refuse_more_steps(chain.grid, wanted, "steps", or_all=False)
    return chain.respace(spaced(available, wanted))


def encode(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    level: int | None = None,
    listener: Listener = SILENT,
) -> Images:
    """Carry clean data up to a level, deterministically.

    Args:
        diffusion: the process, as a rule from ``inversion_process``; more steps, smaller error.
        denoise: what finds x_0, under the conditioning of the data.
        x_start: clean data in [-1, 1].
        level: where to stop, from CLEAN to T - 1; the noisiest level, T - 1, by default.
        listener: hears how it gets on.

    Returns:
        x_t at that level.

    Raises:
        SettingsError: a level outside of the chain.
    """
    stop = _checked(diffusion, level)
    x = x_start
    with torch.no_grad(), listener.follow("encoding", stop + 1) as bar:
        for place in range(CLEAN, stop):
            x = _up(diffusion.grid, denoise, x, place)
            bar.advance()
    return x


def decode(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_t: Images,
    *,
    level: int | None = None,
    sampler: Sampler | None = None,
    listener: Listener = SILENT,
) -> Images:
    """Carry samples at a level down to clean data; arguments as in ``encode``.

    Args:
        diffusion: as there.
        denoise: as there.
        x_t: samples at the level.
        level: where they are.
        sampler: how to go down, on the same process; deterministically, by DDIM, where None.
        listener: as there.
    """
    start = _checked(diffusion, level)
    x = x_t
    with listener.follow("decoding", start + 1) as bar:
        for state in decoding(diffusion, denoise, x_t, level=level, sampler=sampler):
            x = state.sample
            bar.advance()
    return x


def decoding(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_t: Images,
    *,
    level: int | None = None,
    sampler: Sampler | None = None,
) -> Iterator[SampleStep]:
    """Yield the states that ``decode`` passes through."""
    start = _checked(diffusion, level)
    return (sampler or _deterministic(diffusion)).walk(denoise, x_t, start=start)


def _deterministic(diffusion: GaussianDiffusion) -> SamplerDDIM:
    """DDIM that adds no noise, as it would by an analytic variance."""
    return SamplerDDIM(diffusion.replace(model_var_type=diffusion.variance.trained), clip_denoised=False)


def edit(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    level: int,
    edited: Denoiser | None = None,
    sampler: Sampler | None = None,
) -> Images:
    """Encode to an intermediate level and decode under another conditioning.

    What is coarser than the level's noise stays; what is finer is drawn anew to suit the new conditioning.

    Args:
        diffusion: the process.
        denoise: what finds x_0, under the conditioning of the data as they are.
        x_start: clean data in [-1, 1].
        level: how far to go up, from CLEAN to T - 1.
        edited: the same, under the conditioning of the data as they shall be; ``denoise`` where None.
        sampler: as in ``decode``.
    """
    x_t = encode(diffusion, denoise, x_start, level=level)
    return decode(diffusion, edited or denoise, x_t, level=level, sampler=sampler)


def _checked(diffusion: GaussianDiffusion, level: int | None) -> int:
    top = diffusion.num_timesteps - 1
    if level is None:
        return top
    wanted = f"a number from {CLEAN} (clean) to {top}"
    level = whole_number(level, "level", wanted)
    if not CLEAN <= level <= top:
        raise SettingsError(f"level: {wanted} wanted, got {level}")
    return level


def _up(grid: Grid, denoise: Denoiser, x: Images, place: int) -> Images:
    """One level up, by the eps of the level below; clean data are shown to the network as the least noisy level."""
    at = grid.level(max(place, 0), x)
    x_start = denoise(x, at).raw
    return grid.level(place + 1, x).diffuse(x if place == CLEAN else x_start, at.eps(x, x_start))
