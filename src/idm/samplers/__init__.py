"""Samplers; a new one is one file and one line in ``SAMPLERS``."""

from idm.core.registry import Registry
from idm.samplers.base import Sampler, SampleStep, Seed
from idm.samplers.clipping import DDIMClipping
from idm.samplers.ddim import SamplerDDIM
from idm.samplers.ddpm import SamplerDDPM
from idm.samplers.exponential import MultistepRule
from idm.samplers.fitted import SamplerFitted, StepWeights
from idm.samplers.fitting import fit_weights
from idm.samplers.heun import SamplerHeun
from idm.samplers.multistep import SamplerMultistep
from idm.samplers.trajectories import Trajectories, cheapest_places, record, step_errors

SAMPLERS: Registry[Sampler] = Registry(
    "sampler", {"ddpm": SamplerDDPM, "ddim": SamplerDDIM, "multistep": SamplerMultistep, "heun": SamplerHeun}
)

__all__ = [
    "SAMPLERS",
    "DDIMClipping",
    "MultistepRule",
    "SampleStep",
    "Sampler",
    "SamplerDDIM",
    "SamplerDDPM",
    "SamplerFitted",
    "SamplerHeun",
    "SamplerMultistep",
    "Seed",
    "StepWeights",
    "Trajectories",
    "cheapest_places",
    "fit_weights",
    "record",
    "step_errors",
]
