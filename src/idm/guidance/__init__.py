"""Guidance: denoisers around denoisers; a new rule is one file and one line in ``GUIDANCE_RULES``."""

from idm.core.registry import Registry
from idm.guidance.autoguidance import Autoguidance
from idm.guidance.cfg_zero import CFGZero
from idm.guidance.classifier import ClassifierGuidance, LevelClassifier
from idm.guidance.classifier_free import ClassifierFreeGuidance
from idm.guidance.guided import Guided, is_guided, refuse_guided
from idm.guidance.projected import Projected
from idm.guidance.rescaled import Rescaled
from idm.guidance.rule import EstimateRule, GuidanceRule, Linear

GUIDANCE_RULES: Registry[GuidanceRule] = Registry(
    "guidance_rule", {"linear": Linear, "rescale": Rescaled, "apg": Projected, "cfg_zero": CFGZero}
)

__all__ = [
    "GUIDANCE_RULES",
    "Autoguidance",
    "CFGZero",
    "ClassifierFreeGuidance",
    "ClassifierGuidance",
    "EstimateRule",
    "GuidanceRule",
    "Guided",
    "LevelClassifier",
    "Linear",
    "Projected",
    "Rescaled",
    "is_guided",
    "refuse_guided",
]
