"""Options that a request has and no metric looks at."""

from collections.abc import Mapping

from idm.core.errors import SettingsError
from idm.metrics import Metric, Needs
from idm.run.bound_request import BoundRequest
from idm.run.figures import needs_of

OPTIONS = (
    ("bound", Needs.BOUND, ("steps", "plan", "maps")),
    ("bound", Needs.BOUND | Needs.CONTINUOUS, ("budget", "target_se")),
    ("flow", Needs.FLOW, ("flow_steps",)),
)
"""Metrics that options are for, what any of these is to be given, and the options."""


def refuse_idle(wanted: BoundRequest, metrics: Mapping[str, Metric]) -> None:
    """Refuse options of a bound, or of the flow, that no metric looks at.

    Raises:
        SettingsError: a line for each.
    """
    needs, usual, names = needs_of(metrics), BoundRequest(), ",".join(metrics)
    lines = [
        f"{name}: a metric that it is for wanted, got metrics={names}; name {metric}, too, or leave it out"
        for metric, need, options in OPTIONS
        if not needs & need
        for name in options
        if getattr(wanted, name) != getattr(usual, name)
    ]
    if lines:
        raise SettingsError(*lines)
