"""Options that a request has and no metric looks at."""

from collections.abc import Mapping

from idm.core.errors import SettingsError
from idm.metrics import Metric, Needs
from idm.run.bound_request import BoundRequest
from idm.run.figures import needs_of


def refuse_idle(wanted: BoundRequest, metrics: Mapping[str, Metric]) -> None:
    """Refuse options of a bound, or of the flow, that no metric looks at.

    Raises:
        SettingsError: a line for each.
    """
    options = {"bound": ("steps", "plan", "budget", "target_se", "maps"), "flow": ("flow_steps",)}
    needs, usual, names = needs_of(metrics), BoundRequest(), ",".join(metrics)
    idle = [metric for metric, need in (("bound", Needs.BOUND), ("flow", Needs.FLOW)) if not needs & need]
    lines = [
        f"{name}: a metric that it is for wanted, got metrics={names}; name {metric}, too, or leave it out"
        for metric in idle
        for name in options[metric]
        if getattr(wanted, name) != getattr(usual, name)
    ]
    if lines:
        raise SettingsError(*lines)
