"""What a page is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.tasks.reporting.effort import USUAL_BUDGET, Effort
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.sections import SECTIONS


@final
@dataclass(frozen=True)
class ReportRequest:
    """A page that is wanted.

    Attributes:
        sections: names of its sections, of ``SECTIONS``; all by default. They stand in the order of that registry.
        budget: calls of the network on single samples that it may cost for each run, about.
        seed: sample i is drawn from seed + i.
        precision: number format inside the network.
        figures: a folder for each figure as PDF and SVG, and each picture as PNG; none by default.
    """

    sections: Sequence[str] | None = None
    budget: int = USUAL_BUDGET
    seed: int = 0
    precision: str | None = None
    figures: str | None = None

    @property
    def effort(self) -> Effort:
        """What it may cost.

        Raises:
            SettingsError: too little.
        """
        whole_number(self.seed, "seed")
        return Effort(self.budget)

    @property
    def members(self) -> dict[str, Section]:
        """The sections.

        Raises:
            SettingsError: there is none of a name, or none is named.
        """
        if self.sections is not None and not self.sections:
            raise SettingsError("sections: at least one wanted, such as samples, got none; leave it out for all")
        wanted = SECTIONS if self.sections is None else {name: SECTIONS[name] for name in self.sections}
        return {name: SECTIONS.build(name, {}) for name in SECTIONS if name in wanted}
