"""Experiments: typed settings, the objects they stand for, and trained runs."""

from idm.experiment.build import build_diffusion, build_network, build_sampler, build_schedule
from idm.experiment.data import Data, DataSpec, open_data
from idm.experiment.devices import best_device
from idm.experiment.evaluate import (
    HeldOutBound,
    Recognition,
    held_out_bound,
    open_run_data,
    recognise,
    recognition,
    require_training_data,
)
from idm.experiment.files import resolve
from idm.experiment.other_data import open_data_to_score
from idm.experiment.run import Run, load
from idm.experiment.settings import Experiment
from idm.experiment.stored import stored_experiment
from idm.experiment.train import train
from idm.experiment.validate import from_plain, to_plain

__all__ = [
    "Data",
    "DataSpec",
    "Experiment",
    "HeldOutBound",
    "Recognition",
    "Run",
    "best_device",
    "build_diffusion",
    "build_network",
    "build_sampler",
    "build_schedule",
    "from_plain",
    "held_out_bound",
    "load",
    "open_data",
    "open_data_to_score",
    "open_run_data",
    "recognise",
    "recognition",
    "require_training_data",
    "resolve",
    "stored_experiment",
    "to_plain",
    "train",
]
