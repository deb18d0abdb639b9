"""What is looked up of a grid: its levels and steps as tables of float64 columns, and back from a row."""

from functools import partial

import torch
from torch import Tensor

from idm.schedules.level import Level, Transition
from idm.schedules.table import Float64, StepTable

LEVEL = ("alpha", "sigma", "time")
UP = ("kappa", "gain", "alpha_by_power", "sigma_by_power", "log_variance")
PAIR = (
    "h",
    "log_beta",
    "log_posterior_variance",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "half_log_variance_range",
    "ddim_coef1",
    "ddim_coef2",
)
"""What a table holds of every level, of the one where a step starts, and of the step; the rest is derived."""


def transition_table(made: Transition, time_dtype: torch.dtype) -> StepTable[Transition]:
    """Return a table of all steps [T]."""
    columns = {f"up_{name}": getattr(made.up, name) for name in (*LEVEL, *UP)}
    columns |= {f"down_{name}": getattr(made.down, name) for name in LEVEL}
    columns |= {name: getattr(made, name) for name in PAIR}
    return StepTable(partial(_transition, time_dtype), **_numpy(columns))


def level_table(levels: Level, transitions: Transition, span: float) -> StepTable[Level]:
    """Return a table of clean data, all levels, and noise without any signal at the end of a path [T + 2]."""
    one = torch.ones(1, dtype=torch.float64)
    end = Level(0.0 * one, one, torch.full_like(levels.time[:1], round(span)))
    every = joined(joined(transitions.down, levels.map(lambda values: values[-1:])), end)
    columns = {name: getattr(every, name) for name in (*LEVEL, *UP)}
    return StepTable(partial(_level, levels.time.dtype), **_numpy(columns))


def _numpy(columns: dict[str, Tensor]) -> dict[str, Float64]:
    return {name: values.double().numpy() for name, values in columns.items()}


def joined(first: Level, second: Level) -> Level:
    """Return the levels of both, one after the other."""
    return Level(*(torch.cat([getattr(first, name), getattr(second, name)]) for name in LEVEL))


def _level(time_dtype: torch.dtype, alpha: Tensor, sigma: Tensor, time: Tensor, **known: Tensor) -> Level:
    level = Level(alpha, sigma, time if time_dtype.is_floating_point else time.long())
    vars(level).update(known)
    return level


def _transition(
    time_dtype: torch.dtype,
    up_alpha: Tensor,
    up_sigma: Tensor,
    up_time: Tensor,
    up_kappa: Tensor,
    up_gain: Tensor,
    up_alpha_by_power: Tensor,
    up_sigma_by_power: Tensor,
    up_log_variance: Tensor,
    down_alpha: Tensor,
    down_sigma: Tensor,
    down_time: Tensor,
    h: Tensor,
    **of_pair: Tensor,
) -> Transition:
    up = _level(
        time_dtype,
        up_alpha,
        up_sigma,
        up_time,
        kappa=up_kappa,
        gain=up_gain,
        alpha_by_power=up_alpha_by_power,
        sigma_by_power=up_sigma_by_power,
        log_variance=up_log_variance,
    )
    transition = Transition(up, _level(time_dtype, down_alpha, down_sigma, down_time), **of_pair)
    vars(transition)["h"] = h
    return transition
