"""A trained model, opened: its network, process, data and samplers, and what is done with them."""

from idm.run.build import build_diffusion, build_network, build_sampler, build_schedule
from idm.run.data import Data, open_data
from idm.run.devices import best_device
from idm.run.drawing import draw
from idm.run.editable import Editable, Examples
from idm.run.evaluation import Evaluation, HeldOutBound, Recognition, Scores
from idm.run.latents import Latents
from idm.run.opened import Opened
from idm.run.opening import load
from idm.run.other_data import open_data_to_score
from idm.run.own_data import open_run_data
from idm.run.recognition import recognise, require_recognition
from idm.run.run import Run
from idm.run.scoring import held_out_bound
from idm.run.spec import DataSpec
from idm.run.stored import stored_experiment
from idm.run.tradeoff import Tradeoff

__all__ = [
    "Data",
    "DataSpec",
    "Editable",
    "Evaluation",
    "Examples",
    "HeldOutBound",
    "Latents",
    "Opened",
    "Recognition",
    "Run",
    "Scores",
    "Tradeoff",
    "best_device",
    "build_diffusion",
    "build_network",
    "build_sampler",
    "build_schedule",
    "draw",
    "held_out_bound",
    "load",
    "open_data",
    "open_data_to_score",
    "open_run_data",
    "recognise",
    "require_recognition",
    "stored_experiment",
]
