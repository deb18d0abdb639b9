"""Noise schedules and the choice of steps; a new schedule is one file and one line in ``SCHEDULES``."""

from idm.core.registry import Registry
from idm.schedules.base import NoiseSchedule
from idm.schedules.cosine import cosine_schedule
from idm.schedules.counts import refuse_more_steps, what_is_left_out
from idm.schedules.flow import flow_schedule
from idm.schedules.grid import Grid
from idm.schedules.grids import GRIDS, regrid
from idm.schedules.level import Level, Transition
from idm.schedules.linear import linear_schedule
from idm.schedules.path import Chain, Flow, Path
from idm.schedules.path_grid import PathGrid
from idm.schedules.planning import cheapest_walk
from idm.schedules.rescaled import with_log_snr_shifted, with_zero_terminal_snr
from idm.schedules.spacing import SPACINGS, space_timesteps, spaced
from idm.schedules.table import StepTable

SCHEDULES: Registry[Grid] = Registry(
    "schedule", {"linear": linear_schedule, "cosine": cosine_schedule, "flow": flow_schedule}
)

__all__ = [
    "GRIDS",
    "SCHEDULES",
    "SPACINGS",
    "Chain",
    "Flow",
    "Grid",
    "Level",
    "NoiseSchedule",
    "Path",
    "PathGrid",
    "StepTable",
    "Transition",
    "cheapest_walk",
    "cosine_schedule",
    "flow_schedule",
    "linear_schedule",
    "refuse_more_steps",
    "regrid",
    "space_timesteps",
    "spaced",
    "what_is_left_out",
    "with_log_snr_shifted",
    "with_zero_terminal_snr",
]
