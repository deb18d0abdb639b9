"""Settings of the conditions: a second part of the data, which the network is shown beside the first."""

from dataclasses import dataclass
from typing import Any, ClassVar

from idm.core.registry import Registry
from idm.data import SOURCES
from idm.data.values.ranges import RangeRule, check_rule, refuse_two_scales
from idm.settings.options import ConditionOptions
from idm.settings.schema import DEFAULTS, OpenSection

NONE = "none"
"""The name of the source of no conditions."""


def no_source() -> None:
    """Open nothing: samples have no conditions."""


@dataclass(frozen=True)
class ConditionSettings(OpenSection):
    """What the network is shown beside each sample: a coarse field, another channel, the frame before.

    Attributes:
        name: kind of source of the conditions, one for each sample in the same order; "none": there are none.
        range: as data.range, of the values of the conditions.
        standardize: as data.standardize, of the conditions.
    """

    # Code that a settings file names may be run where its own data are trusted, which says nothing of conditions.
    family: ClassVar[Registry[Any]] = Registry(
        "source", {NONE: no_source, **{name: SOURCES[name] for name in SOURCES if name != "custom"}}
    )
    section: ClassVar[str] = "data.condition"
    given: ClassVar[tuple[str, ...]] = ("trust_code", "apart", "in_patches", "num_axes")
    name: str = NONE
    options: ConditionOptions = DEFAULTS
    range: RangeRule = "auto"
    standardize: bool = False

    def __post_init__(self) -> None:
        """Fill in the options of the source, and refuse two ways to say one range.

        Raises:
            SettingsError: as of ``OpenSection``; a range that is none, or one beside ``standardize``.
        """
        super().__post_init__()
        check_rule(self.range)
        refuse_two_scales(self.range, standardize=self.standardize)

    @property
    def is_on(self) -> bool:
        """Whether there are conditions."""
        return self.name != NONE
