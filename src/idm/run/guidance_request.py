"""Guidance that is asked for: scales, names and numbers, before a run says whether it can."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

from idm.core.counts import finite_number
from idm.core.errors import SettingsError
from idm.core.text import shown
from idm.guidance import GuidanceRule, LevelClassifier, Linear
from idm.run.guidance_rules import rule_of

EVERYWHERE = (0.0, math.inf)
"""Noise-to-signal ratios of all levels."""

SCALES = ("guidance", "autoguidance", "classifier_scale")


def _no_options() -> Mapping[str, Any]:
    return {}


@final
@dataclass(frozen=True, eq=False)
class GuidanceRequest:
    """What ``Run.guided`` is asked for.

    Attributes:
        guidance: scale of classifier-free guidance; 1: off.
        autoguidance: scale of guidance by a worse version of the network; 1: off.
        autoguidance_from: which version; None: that nearest to a quarter of the run's steps.
        classifier_scale: of guidance by a classifier; 0: off.
        classifier: one of the caller's own; None: the run's.
        guidance_rule: how two predictions are combined.
        guidance_interval: smallest and largest noise-to-signal ratio that is guided.
        options: of the rule.
    """

    guidance: float = 1.0
    autoguidance: float = 1.0
    autoguidance_from: str | int | None = None
    classifier_scale: float = 0.0
    classifier: LevelClassifier | None = None
    guidance_rule: str = "linear"
    guidance_interval: tuple[float, float] = EVERYWHERE
    options: Mapping[str, Any] = field(default_factory=_no_options)

    @property
    def is_on(self) -> bool:
        """Whether anything is guided."""
        return (self.guidance, self.autoguidance, self.classifier_scale) != (1.0, 1.0, 0.0)

    @property
    def is_by_class(self) -> bool:
        """Whether samples of no class could not be guided so."""
        return self.guidance not in (0.0, 1.0) or self.classifier_scale != 0.0

    @property
    def is_everywhere(self) -> bool:
        """Whether all levels are guided."""
        return self.guidance_interval == EVERYWHERE

    @property
    def has_own_code(self) -> bool:
        """Whether it calls a classifier that no run holds."""
        return self.classifier is not None

    def checked(self) -> "GuidanceRequest":
        """Return the same with numbers as Python's own.

        Raises:
            SettingsError: a line per scale that is no finite number; no interval; things that do not go together.
        """
        scales = {name: finite_number(getattr(self, name), name) for name in SCALES}
        found = replace(self, **scales, guidance_interval=checked_interval(self.guidance_interval))
        found._refuse_what_guides_nothing()
        return found

    def rule(self) -> GuidanceRule:
        """Return how two predictions are combined.

        Raises:
            UnknownNameError: no such rule, or option.
            SettingsError: options out of range, or a rule where no two predictions are combined.
        """
        rule = rule_of(self.guidance_rule, self.options)
        if self.guidance == self.autoguidance == 1.0 and rule != Linear():
            raise SettingsError(
                f"guidance_rule: guidance or autoguidance wanted beside {self.guidance_rule}, such as guidance=2"
            )
        return rule

    def _refuse_what_guides_nothing(self) -> None:
        if self.guidance != 1.0 and self.autoguidance != 1.0:
            raise SettingsError(
                f"autoguidance: guidance=1 wanted beside it, got {self.guidance:g}; both push away from a worse "
                "prediction, choose one of them"
            )
        if not self.is_on and not self.is_everywhere:
            raise SettingsError("guidance_interval: what is guided wanted beside it, such as guidance=2, got no scale")
        if self.autoguidance == 1.0 and self.autoguidance_from is not None:
            raise SettingsError(
                f"autoguidance: a scale wanted beside autoguidance_from={self.autoguidance_from}, such as 1.5"
            )
        if self.classifier_scale == 0.0 and self.has_own_code:
            raise SettingsError("classifier_scale: a scale wanted beside a classifier, such as 1, got 0")

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, of which ``from_plain`` makes it again but for a classifier of one's own."""
        low, high = self.guidance_interval
        return {
            **{name: getattr(self, name) for name in SCALES},
            "autoguidance_from": None if self.autoguidance_from is None else str(self.autoguidance_from),
            "own_code": self.has_own_code,
            "guidance_rule": self.guidance_rule,
            "guidance_interval": [low, None if high == math.inf else high],
            "options": dict(self.options),
        }


def request_of_file(plain: Mapping[str, Any]) -> tuple[GuidanceRequest, bool]:
    """Return what ``to_plain`` returned, and whether a classifier of one's own is missing in it.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    low, high = plain["guidance_interval"]
    scales: dict[str, Any] = {name: float(plain[name]) for name in SCALES}
    names, options = (plain["autoguidance_from"], plain["guidance_rule"]), plain["options"]
    if not all(isinstance(name, str) for name in names if name is not None) or not isinstance(options, dict):
        raise ValueError("names and options of guidance wanted")
    interval = (float(low), math.inf if high is None else float(high))
    found = GuidanceRequest(
        **scales, autoguidance_from=names[0], guidance_rule=names[1], guidance_interval=interval, options=options
    )
    return found, bool(plain["own_code"])


def checked_interval(interval: object) -> tuple[float, float]:
    """Return an interval of noise-to-signal ratios.

    Raises:
        SettingsError: it is none.
    """
    try:
        low, high = map(float, interval)  # pyright: ignore[reportArgumentType] (what is no pair is refused)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"guidance_interval: two noise-to-signal ratios wanted, got {shown(interval)}") from error
    if not 0.0 <= low <= high:  # NaN is refused, too
        raise SettingsError(
            f"guidance_interval: noise-to-signal ratios LOW,HIGH with 0 <= LOW <= HIGH wanted, got {low:g},{high:g}"
        )
    return low, high
