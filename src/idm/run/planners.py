"""What chooses the levels of a short walk for one trained run; a new planner is a function and a line in PLANNERS."""

import math
from collections.abc import Mapping

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.registry import Registry
from idm.diffusion import ErrorCurve, ErrorCurves
from idm.likelihood import BoundByCurve, Calibration
from idm.run.curves import hash_of
from idm.run.opened import Opened
from idm.run.plans import Plan, kept_plan, require_count, stored_plan
from idm.run.walks import record_walks, require_levels
from idm.samplers import cheapest_places
from idm.schedules import refuse_more_steps
from idm.storage.fits import names_in


def plan_for_likelihood(run: Opened, steps: int, listener: Listener) -> Plan:
    """Choose the levels of the smallest bound, if every step has the analytic variance; samples want other levels.

    The curves are those of the run's variance: of channels or single values where that is theirs, else one curve. A
    plan that was kept is taken again while the run has the curves that it was made from.

    Raises:
        SettingsError: more steps than there are, or a run whose error curves were not measured.
        CheckpointError: they are those of another checkpoint, or damaged.
    """
    measured = run.curves.read()
    curve, of = _curve(measured, run.variance)
    name = "-".join(filter(None, ("likelihood", str(steps), of)))
    made_from = f"{hash_of(curve)} {measured.power!r}"
    kept = kept_plan(run.fits, name, run.diffusion.grid)
    if kept is not None and kept.num_steps == steps and kept.about.get("made_from") == made_from:
        return kept
    bound = BoundByCurve(run.diffusion.grid, curve, run.diffusion.decoder, measured.power)
    places = bound.best_places(steps)
    times = tuple(float(time) for time in run.diffusion.grid.times[places])
    expected = bound.of(places) + run.spec.codec.log2_scale
    about = {"errors": of or "all", "bits_per_dim": expected if math.isfinite(expected) else None}
    return Plan(name, "likelihood", times, {**about, "made_from": made_from})


def _curve(measured: Calibration, variance: str) -> tuple[ErrorCurve | ErrorCurves, str]:
    """Return the curves that a variance is computed from, and whose they are."""
    curves: Mapping[str, tuple[ErrorCurves, str]] = {
        "analytic_channel": (measured.of_channels, "channel"),
        "analytic_position": (measured.of_places, "position"),
        "npr": (measured.of_places, "position"),  # what a head begins with
        "sn": (measured.of_places, "position"),
    }
    return curves.get(variance, (measured.together, ""))


def plan_for_trajectory(run: Opened, steps: int, listener: Listener) -> Plan:
    """Choose the levels whose single steps are off by least on the network's own walks; of one kept before, its levels.

    Raises:
        SettingsError: more steps than recorded walks have, or samples too large for the memory of this machine.
        NumericalError: what the network returns is not finite.
        CheckpointError: one that was kept is damaged.
    """
    name = f"trajectory-{steps}"
    if run.fits.find(name) is not None:
        return require_count(stored_plan(run.fits, name, run.diffusion.grid, "remove it"), steps)
    require_levels(run, steps, "steps")
    recorded = record_walks(run, listener=listener).recorded
    times = recorded.grid.times[cheapest_places(recorded, steps)].tolist()
    return Plan(name, "trajectory", tuple(times), {"num_walks": recorded.states.shape[1]})


PLANNERS: Registry[Plan] = Registry("plan", {"likelihood": plan_for_likelihood, "trajectory": plan_for_trajectory})

OF_BOUNDS = ("likelihood",)
"""Those that choose levels for bits/dim, and not for samples."""


def planned(run: Opened, name: str, steps: int | None, listener: Listener = SILENT) -> Plan:
    """Make a plan, and keep it beside the checkpoint; or read one that was kept.

    Args:
        run: the trained model.
        name: one of ``PLANNERS``, or the name of a plan that was kept.
        steps: how many; of a plan that was kept as many as it has, or None.
        listener: hears how it gets on.

    Raises:
        SettingsError: no such planner or plan, or another number of steps than there can be.
        CheckpointError: a plan, or what it is made from, is that of another checkpoint, or damaged.
    """
    if name not in PLANNERS:
        kept = [each for each in names_in(run.folder) if (found := run.fits.find(each)) and found.kind == "plan"]
        way = f"choose from {', '.join([*PLANNERS, *kept])}"
        return require_count(stored_plan(run.fits, name, run.diffusion.grid, way), steps)
    if not steps:
        raise SettingsError(f"steps: how many wanted with plan={name}, got {'none' if steps is None else 'all'}")
    refuse_more_steps(run.diffusion.grid, steps, "steps")
    made = PLANNERS[name](run, steps, listener)
    made.keep(run.fits, run.diffusion.grid)
    return made
