"""Rules of guidance as settings: by name, with options that are checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from idm.core.registry import Registry
from idm.guidance import GUIDANCE_RULES, GuidanceRule
from idm.settings.schema import OpenSection
from idm.settings.validate import lay


@dataclass(frozen=True)
class RuleSettings(OpenSection):
    """How two predictions are combined.

    Attributes:
        name: a rule of ``GUIDANCE_RULES``.
    """

    family: ClassVar[Registry[Any]] = GUIDANCE_RULES
    section: ClassVar[str] = "guidance"
    name: str = "linear"


def rule_of(name: str, options: Mapping[str, Any]) -> GuidanceRule:
    """Make a rule.

    Raises:
        UnknownNameError: no such rule, or option.
        SettingsError: options that are out of range.
    """
    _ = GUIDANCE_RULES[name]  # names what is wanted as callers do
    return lay(RuleSettings(), {"name": name, **options}, path="guidance").build()


def rule_in_words(rule: GuidanceRule) -> str:
    """Name a rule, and its options."""
    name = next(name for name, member in GUIDANCE_RULES.items() if member is type(rule))
    told = ", ".join(f"{option}={value:g}" for option, value in vars(rule).items())
    return f"{name} ({told})" if told else name
