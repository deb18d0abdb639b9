"""Complete experiments; a new one is a function and a line in ``PRESETS``."""

from idm.core.registry import Registry
from idm.presets.conditions import with_condition
from idm.presets.digits import digits
from idm.presets.inferred import USUAL, inferred
from idm.presets.located import NOTHING, Told, data_settings, located, source_told, without_source
from idm.presets.published import cifar10, cifar10_bound, imagenet64, imagenet64_class_conditional
from idm.settings import Experiment
from idm.settings.fitted import fitted, with_fitting_batches

PRESETS: Registry[Experiment] = Registry(
    "preset",
    {
        "digits": digits,
        "cifar10": cifar10,
        "cifar10_bound": cifar10_bound,
        "imagenet64": imagenet64,
        "imagenet64_class_conditional": imagenet64_class_conditional,
    },
)

__all__ = [
    "NOTHING",
    "PRESETS",
    "USUAL",
    "Told",
    "data_settings",
    "fitted",
    "inferred",
    "located",
    "source_told",
    "with_condition",
    "with_fitting_batches",
    "without_source",
]
