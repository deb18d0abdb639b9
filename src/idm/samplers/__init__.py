"""Samplers; a new one is one file and one line in ``SAMPLERS``."""

from idm.core.registry import Registry
from idm.samplers.base import Sampler, SampleStep, Seed
from idm.samplers.clipping import DDIMClipping
from idm.samplers.ddim import SamplerDDIM
from idm.samplers.ddpm import SamplerDDPM

SAMPLERS: Registry[Sampler] = Registry("sampler", {"ddpm": SamplerDDPM, "ddim": SamplerDDIM})

__all__ = [
    "SAMPLERS",
    "DDIMClipping",
    "SampleStep",
    "Sampler",
    "SamplerDDIM",
    "SamplerDDPM",
    "Seed",
]
