"""Gaussian diffusion models on your own data: train, sample in few steps, score likelihoods, restore and edit.

    import idm
    run = idm.load("runs/digits")
    images = run.sample(100)

Names are imported when they are first used, so that ``import idm`` and the command line's help need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from idm.core.lazy import importing

if TYPE_CHECKING:
    from idm.core.errors import IdmError
    from idm.core.gaussian import discretized_gaussian_log_likelihood, normal_kl
    from idm.core.progress import SILENT, Calls, Event, Listener
    from idm.core.rng import Rng
    from idm.core.tensors import mean_flat
    from idm.core.types import Network
    from idm.data import batch_indices
    from idm.diffusion import GaussianDiffusion, LossType, ModelMeanType, ModelVarType
    from idm.likelihood import calc_bpd_loop
    from idm.networks import MLP, UNet, timestep_embedding
    from idm.oracles import EmpiricalDenoiser
    from idm.run import Run, load
    from idm.samplers import SamplerDDIM, SamplerDDPM
    from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule, space_timesteps, spaced
    from idm.settings import Experiment
    from idm.tasks import make_experiment, train

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "SILENT",
    "Calls",
    "EmpiricalDenoiser",
    "Event",
    "Experiment",
    "GaussianDiffusion",
    "IdmError",
    "Listener",
    "LossType",
    "ModelMeanType",
    "ModelVarType",
    "Network",
    "NoiseSchedule",
    "Rng",
    "Run",
    "SamplerDDIM",
    "SamplerDDPM",
    "UNet",
    "__version__",
    "batch_indices",
    "calc_bpd_loop",
    "cosine_schedule",
    "discretized_gaussian_log_likelihood",
    "linear_schedule",
    "load",
    "make_experiment",
    "mean_flat",
    "normal_kl",
    "space_timesteps",
    "spaced",
    "timestep_embedding",
    "train",
]

_HOMES = {
    "idm.core.errors": ("IdmError",),
    "idm.core.gaussian": ("discretized_gaussian_log_likelihood", "normal_kl"),
    "idm.core.progress": ("SILENT", "Calls", "Event", "Listener"),
    "idm.core.rng": ("Rng",),
    "idm.core.tensors": ("mean_flat",),
    "idm.core.types": ("Network",),
    "idm.data": ("batch_indices",),
    "idm.diffusion": ("GaussianDiffusion", "LossType", "ModelMeanType", "ModelVarType"),
    "idm.likelihood": ("calc_bpd_loop",),
    "idm.networks": ("MLP", "UNet", "timestep_embedding"),
    "idm.oracles": ("EmpiricalDenoiser",),
    "idm.run": ("Run", "load"),
    "idm.samplers": ("SamplerDDIM", "SamplerDDPM"),
    "idm.schedules": ("NoiseSchedule", "cosine_schedule", "linear_schedule", "space_timesteps", "spaced"),
    "idm.settings": ("Experiment",),
    "idm.tasks": ("make_experiment", "train"),
}
"""Which module each public name is imported from."""

_ROOMS = ("bench", "data", "demo", "presets", "run", "settings", "tasks", "training")
"""Rooms that pages of Python name."""

_imported = importing(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    return import_module(f"idm.{name}") if name in _ROOMS else _imported(name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
