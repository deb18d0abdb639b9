"""Plans: levels that a short walk visits, chosen for one checkpoint, kept beside it and used again by name."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch

from idm.core.errors import CheckpointError, SettingsError
from idm.core.files import write_atomically
from idm.core.places import file_in
from idm.core.progress import warn
from idm.core.text import shown
from idm.report import png
from idm.report.steps import levels_of_walks
from idm.schedules import Grid, regrid
from idm.schedules.table import StepOutsideError
from idm.storage import Fit, Fits
from idm.storage.fits import FOLDER

KIND = "plan"
MOST_STEPS = 100_000
"""Most steps of a plan that is read."""

FOR_COMPARISON = ("linspace", "log_snr")
"""Spacings whose levels are drawn beside those of a plan."""


@final
@dataclass(frozen=True, eq=False)
class Plan:
    """Levels that a walk visits.

    Attributes:
        name: what it is kept as, such as "likelihood-10".
        planner: what chose the levels, one of ``PLANNERS``.
        times: of the levels on the path of the run, growing.
        about: what else its planner tells, JSON-able, by name.
    """

    name: str
    planner: str
    times: tuple[float, ...]
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def num_steps(self) -> int:
        """How many levels, and so steps, the last one to clean data included."""
        return len(self.times)

    def grid(self, whole: Grid) -> Grid:
        """Return the levels, on the path of ``whole``: some of its own, or others between them."""
        try:
            return whole.respace(whole.places_of(torch.tensor(self.times, dtype=torch.float64)).tolist())
        except StepOutsideError:
            alpha, sigma = whole.path.at(np.array(self.times))
            return whole.of_ratios(sigma / alpha)

    def keep(self, fits: Fits, whole: Grid) -> None:
        """Keep it beside the checkpoint, with a picture of its levels; a folder that refuses is told of, no more."""
        content = {"planner": self.planner, "times": list(self.times), "about": dict(self.about)}
        known = fits.find(self.name)
        if known is not None and known.content == content:
            return
        try:
            fits.write(self.name, KIND, content)
            picture = file_in(fits.run_folder, FOLDER, f"{self.name}.png")
            write_atomically(picture, png(levels_of_walks(self._walks(whole))))
        except (CheckpointError, OSError) as error:
            warn(f"plan {self.name}: used, but not kept ({error})")

    def _walks(self, whole: Grid) -> dict[str, list[float]]:
        """Return the noise-to-signal ratios of the levels, and of as many by other spacings."""
        grids = {self.name: self.grid(whole)}
        grids |= {name: regrid(whole, self.num_steps, name) for name in FOR_COMPARISON}
        return {name: grid.levels.kappa.tolist() for name, grid in grids.items()}


def stored_plan(fits: Fits, name: str, whole: Grid, way: str) -> Plan:
    """Read a plan that was kept.

    Args:
        fits: what was found out about a checkpoint.
        name: of the plan.
        whole: all levels of the run.
        way: what to do where there is none, for messages.

    Raises:
        SettingsError: there is none of that name.
        CheckpointError: it is that of another checkpoint, or damaged.
    """
    found = fits.read(name, KIND, way)
    try:
        return _read(name, found, whole)
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{name}: a plan for the levels of this run wanted, got another ({error}); {way}"
        ) from error


def kept_plan(fits: Fits, name: str, whole: Grid) -> Plan | None:
    """Return a plan of this checkpoint that was kept; None where there is none of that name that could be used."""
    found = fits.find(name)
    try:
        return None if found is None or found.kind != KIND else _read(name, found, whole)
    except (LookupError, TypeError, ValueError):
        return None


def _read(name: str, found: Fit, whole: Grid) -> Plan:
    """Read what a file holds, which may be anybody's.

    Raises:
        LookupError, TypeError, ValueError: no plan, or one for other levels.
    """
    planner, times, about = (found.content[key] for key in ("planner", "times", "about"))
    if not (isinstance(planner, str) and isinstance(times, list) and isinstance(about, dict)):
        raise TypeError("a planner, times and values by name")
    if not 0 < len(times) <= MOST_STEPS or not all(type(time) is float and math.isfinite(time) for time in times):
        raise ValueError(f"times {shown(times)}")
    inside = whole.times[0] <= times[0] and times[-1] <= whole.times[-1]
    if not inside or not (np.diff(times) > 0).all():
        raise ValueError(f"times {shown(times)}")
    plan = Plan(name, planner, tuple(times), about)
    plan.grid(whole)  # raises where two of its levels are the same but for rounding
    return plan


def require_count(plan: Plan, steps: int | None) -> Plan:
    """Return the plan.

    Raises:
        SettingsError: another number of steps was asked for than it has.
    """
    if steps is not None and steps != plan.num_steps:
        raise SettingsError(f"steps: {plan.num_steps} wanted with plan={plan.name}, got {steps}; leave one of them out")
    return plan


def refuse_spacing(plan: str | None, settings: Mapping[str, Any]) -> None:
    """Refuse settings of a sampler that choose levels where a plan does, by a ``SettingsError``."""
    if plan is not None and "spacing" in settings:
        raise SettingsError(
            f"plan: {plan} without a spacing wanted, got spacing={settings['spacing']}; choose one of them"
        )
