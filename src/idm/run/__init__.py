"""A trained model, opened: its network, process, data and samplers, and what is done with them."""

from idm.run.build import build_diffusion, build_network, build_sampler, build_schedule
from idm.run.data import Data, DataSpec, open_data
from idm.run.devices import best_device
from idm.run.evaluate import (
    HeldOutBound,
    Recognition,
    held_out_bound,
    open_run_data,
    recognise,
    recognition,
    require_training_data,
)
from idm.run.other_data import open_data_to_score
from idm.run.run import Run, load
from idm.run.stored import stored_experiment

__all__ = [
    "Data",
    "DataSpec",
    "HeldOutBound",
    "Recognition",
    "Run",
    "best_device",
    "build_diffusion",
    "build_network",
    "build_sampler",
    "build_schedule",
    "held_out_bound",
    "load",
    "open_data",
    "open_data_to_score",
    "open_run_data",
    "recognise",
    "recognition",
    "require_training_data",
    "stored_experiment",
]
