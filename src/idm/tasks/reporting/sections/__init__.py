"""The sections of a page, in their order; a new one is a file and a line in ``SECTIONS``."""

from idm.core.registry import Registry
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.sections.bound import Bound
from idm.tasks.reporting.sections.compared import Compared
from idm.tasks.reporting.sections.configuration import Configuration
from idm.tasks.reporting.sections.cost import Cost
from idm.tasks.reporting.sections.distributions import Distributions
from idm.tasks.reporting.sections.glance import Glance
from idm.tasks.reporting.sections.interpolation import Interpolation
from idm.tasks.reporting.sections.inversion import Inversion
from idm.tasks.reporting.sections.levels import Levels
from idm.tasks.reporting.sections.metrics import Metrics
from idm.tasks.reporting.sections.neighbours import Neighbours
from idm.tasks.reporting.sections.samples import Samples
from idm.tasks.reporting.sections.tradeoff import OverCalls
from idm.tasks.reporting.sections.training import Training
from idm.tasks.reporting.sections.trajectory import Trajectory

SECTIONS: Registry[Section] = Registry(
    "sections",
    {
        "glance": Glance,
        "samples": Samples,
        "training": Training,
        "bound": Bound,
        "levels": Levels,
        "compared": Compared,
        "metrics": Metrics,
        "distributions": Distributions,
        "neighbours": Neighbours,
        "tradeoff": OverCalls,
        "trajectory": Trajectory,
        "inversion": Inversion,
        "interpolation": Interpolation,
        "configuration": Configuration,
        "cost": Cost,
    },
)

__all__ = ["SECTIONS"]
