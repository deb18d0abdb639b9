"""Restoring data: a walk from noise to data that heeds an observation."""

from collections.abc import Iterator

import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng
from idm.core.types import Images
from idm.diffusion import Denoiser
from idm.restoration.methods.base import Method
from idm.restoration.methods.particles import Particles
from idm.restoration.methods.tds import TDS
from idm.restoration.observation import Observation
from idm.samplers import Sampler, SampleStep, Seed
from idm.samplers.noise import StepNoise


def restore(
    sampler: Sampler,
    denoise: Denoiser,
    observation: Observation,
    x: Images,
    *,
    method: Method,
    seed: Seed = 0,
    listener: Listener = SILENT,
) -> Images:
    """Draw data that agree with an observation, one sample for each.

    Args:
        sampler: how to go down, on the process that is walked.
        denoise: finds x_0, under the conditioning of the data; best unclipped, since gradients and corrections are of
            x_0 as it is read. What comes of it is clipped as the sampler's options say.
        observation: what is known, with one entry per sample.
        x: noise that the walks start from, as of ``sampler.initial_noise``.
        method: how to heed the observation.
        seed: seeds of all that is drawn besides, one per sample; a sample is the same in every batch.
        listener: hears how it gets on.

    Returns:
        Samples in the model's range, of x's shape.

    Raises:
        SettingsError: a method that does not go with the operator or the sampler, or shapes that do not fit.
    """
    steps = method.num_steps(sampler, observation)
    with listener.follow("restoring", steps) as bar:
        for state in restoring(sampler, denoise, observation, x, method=method, seed=seed):
            x = state.sample
            bar.advance()
    return x


def restoring(
    sampler: Sampler, denoise: Denoiser, observation: Observation, x: Images, *, method: Method, seed: Seed = 0
) -> Iterator[SampleStep]:
    """Yield the states that ``restore`` passes through; gradients are on only where the method takes them.

    Arguments and errors as there.
    """
    method.check(sampler, observation)
    _check_shapes(observation, x)
    noise = StepNoise(Rng.from_seed(seed, len(x), x.device))
    return _without_gradients(method.walk(sampler, denoise, observation, x, noise))


def _without_gradients(states: Iterator[SampleStep]) -> Iterator[SampleStep]:
    """Turn gradients off at each step, not while the caller has its state."""
    while True:
        with torch.no_grad():
            state = next(states, None)
        if state is None:
            return
        yield state


def restore_particles(
    sampler: Sampler,
    denoise: Denoiser,
    observation: Observation,
    x: Images,
    *,
    method: TDS,
    seed: Seed = 0,
    listener: Listener = SILENT,
) -> Particles:
    """Return all particles of twisted SMC in the end, of which ``restore`` draws one for each observation.

    ``particles.draw(16, Rng.from_seed(seed, b).uniform("draw"))`` are 16 for each. Arguments as of ``restore``.
    """
    method.check(sampler, observation)
    _check_shapes(observation, x)
    noise = StepNoise(Rng.from_seed(seed, len(x), x.device))
    cloud: Particles | None = None
    with torch.no_grad(), listener.follow("restoring", method.num_steps(sampler, observation)) as bar:
        for found in method.clouds(sampler, denoise, observation, x, noise):
            cloud = found
            bar.advance()
    assert cloud is not None
    return cloud


def _check_shapes(observation: Observation, x: Images) -> None:
    """Refuse observations that are not of such data."""
    wanted = tuple(observation.operator.apply(x[:1]).shape[1:])
    got = tuple(observation.values.shape)
    if got != (len(x), *wanted):
        raise SettingsError(
            f"values: {(len(x), *wanted)} wanted, which is what the operator sees of {len(x)} samples, got {got}"
        )
