"""The grid to invert by; and encoding by DDIM, with any sampler to go down.

``encode`` goes up from the clean level, ``decode`` down to it; each pairs the same two levels, so that encoding and
then decoding approaches the identity at first order in the step. Exact ways are classes of their own, see
``INVERSIONS``. Denoisers are to be made with ``clip=False``: nothing is clipped on the way.
"""

from collections.abc import Iterator

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing.base import checked_place
from idm.editing.ddim import DDIMInversion
from idm.samplers import Sampler, SamplerDDIM, SampleStep
from idm.schedules import refuse_more_steps, regrid

DEFAULT_STEPS = 100


MAX_NOISE_TO_SIGNAL = 20.0
"""Noise-to-signal ratio at which inversion turns around: further up, x_0 is a small difference of large numbers."""


def inversion_process(
    diffusion: GaussianDiffusion,
    num_steps: int | None = None,
    *,
    spacing: str = "linspace",
    max_noise_to_signal: float = MAX_NOISE_TO_SIGNAL,
) -> GaussianDiffusion:
    """Return the process on whose steps data are best encoded and decoded.

    Its levels lie where the noise-to-signal ratio sigma / alpha is at most ``max_noise_to_signal``: nothing is clipped
    in an inversion, see ``Grid.num_steps_below``.

    Args:
        diffusion: the process that the network was trained on.
        num_steps: how many steps; more of them, smaller error. All there are, but at most 100, if None.
        spacing: name of a grid, one of ``GRIDS``: evenly over the steps, or "log_snr", evenly in the log SNR.
        max_noise_to_signal: ratio at the noisiest step.

    Raises:
        SettingsError: more steps than there are, a ratio below every step's, or an unknown grid.
    """
    available = diffusion.grid.num_steps_below(max_noise_to_signal)
    if available == 0:
        least = float(diffusion.grid.levels.kappa[0])
        raise SettingsError(f"max_noise_to_signal: at least {least:.4g} wanted, got {max_noise_to_signal}")
    chain = diffusion.respace(range(available))
    wanted = min(DEFAULT_STEPS, available) if num_steps is None else num_steps
    refuse_more_steps(chain.grid, wanted, "steps", or_all=False)
    return chain.on(regrid(chain.grid, wanted, spacing))


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
    return DDIMInversion(diffusion).encode(denoise, (x_start,), level=level, listener=listener)[0]


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
    start = checked_place(diffusion, level)
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
    start = checked_place(diffusion, level)
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
