"""What a section of a page is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from idm.report import Block, Group, SideBySide
from idm.tasks.reporting.subject import Subject


@final
@dataclass(frozen=True)
class Need:
    """What a section cannot do without.

    Attributes:
        why_not: why a run does not have it; "" where it does.
    """

    why_not: Callable[[Subject], str]


DATA = Need(lambda subject: subject.why_no_data)
HELD_OUT = Need(lambda subject: "" if subject.run.spec.num_held_out else "no data are held out")
LOSSES = Need(lambda subject: "" if subject.rows else "no losses were recorded in its folder")


class Section(ABC):
    """A part of the page.

    Attributes:
        heading: what it is called.
        needs: what a run is to have; of one that has not it is left out, with the reason in a line.
        fewest: of how many runs it is at the least; a page of fewer says nothing of it.
        stands_beside: of several runs the blocks stand side by side, else below each other.
    """

    heading: ClassVar[str]
    needs: ClassVar[tuple[Need, ...]] = ()
    fewest: ClassVar[int] = 1
    stands_beside: ClassVar[bool] = True

    def why_not(self, subject: Subject) -> str:
        """Say why there is nothing to show of a run; "" where there is."""
        return next((reason for need in self.needs if (reason := need.why_not(subject))), "")

    @abstractmethod
    def gather(self, subject: Subject) -> Sequence[Block]:
        """Measure and draw what is shown of a run.

        Raises:
            IdmError: it cannot be; the section is left out, with what the error says.
        """

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Return what stands once above the blocks of all runs, nothing by default; errors as of ``gather``."""
        return ()

    def lay_out(self, subjects: Sequence[Subject], gathered: Sequence[Sequence[Block]]) -> list[Block]:
        """Put what was gathered of each run in its place."""
        first = list(self.introduce(subjects))
        if len(subjects) == 1:
            return [*first, *gathered[0]]
        groups = [Group(subject.name, blocks) for subject, blocks in zip(subjects, gathered, strict=True)]
        return [*first, SideBySide(groups)] if self.stands_beside else [*first, *groups]
