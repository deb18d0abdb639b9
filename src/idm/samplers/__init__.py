"""Samplers; a new one is one file and one line in ``SAMPLERS``."""

from idm.core.registry import Registry
from idm.samplers.base import Sampler, SampleStep, Seed
from idm.samplers.clipping import DDIMClipping
from idm.samplers.ddim import SamplerDDIM
from idm.samplers.ddpm import SamplerDDPM
from idm.samplers.exponential import MultistepRule
from idm.samplers.heun import SamplerHeun
from idm.samplers.multistep import SamplerMultistep

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
    "SamplerHeun",
    "SamplerMultistep",
    "Seed",
]
