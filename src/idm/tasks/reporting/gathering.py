"""Gathering a page section by section; what does not apply to a run is left out, and said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from idm.core.errors import CheckpointError, DataError, IdmError, NumericalError, ProcessError, SettingsError
from idm.core.phrasing import phrased
from idm.core.progress import SILENT, Listener
from idm.data.remarks import listed
from idm.report import Block, Page, Paragraph, Table
from idm.report.blocks import Drawn
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.subject import Subject
from idm.tasks.words import data_in_words

HIDDEN = (SettingsError, DataError, NumericalError, CheckpointError, ProcessError)
"""Errors of a section that do not keep the others from being gathered; a signal ends the work."""


@final
@dataclass(frozen=True)
class Left:
    """A section that was left out.

    Attributes:
        heading: of the section.
        name: of the run.
        reason: why, in a line.
    """

    heading: str
    name: str
    reason: str


@final
@dataclass(frozen=True, eq=False)
class Gathered:
    """What stands on a page.

    Attributes:
        subjects: the runs.
        blocks: what was gathered of each section, by the section's name.
        headings: of these sections.
        left_out: what is not there.
    """

    subjects: Sequence[Subject]
    blocks: Mapping[str, Sequence[Block]]
    headings: Mapping[str, str]
    left_out: Sequence[Left]

    def page(self) -> Page:
        """Put the page together."""
        names = [subject.name for subject in self.subjects]
        page = Page(listed(names), _lead(self.subjects), has_contents=len(self.blocks) > 3)
        for name, blocks in self.blocks.items():
            page.section(self.headings[name], *blocks)
        if self.left_out:
            several = len(names) > 1
            rows = [(one.heading, *([one.name] if several else []), one.reason) for one in self.left_out]
            page.section("Not on this page", Table(rows, header=("Section", *(["Run"] if several else []), "Why")))
        return page

    def drawn(self) -> Iterator[tuple[str, Drawn]]:
        """Yield pictures and figures with names for files of theirs: section and number."""
        for name, blocks in self.blocks.items():
            found = (one for block in blocks for one in block.drawn())
            for number, one in enumerate(found, start=1):
                yield f"{name}-{number}", one


def gather(sections: Mapping[str, Section], subjects: Sequence[Subject], listener: Listener = SILENT) -> Gathered:
    """Gather all sections of all runs; of what one run lacks and another has its section says whose it is not, and why.

    Args:
        sections: by name, in order.
        subjects: the runs.
        listener: told of every section, in a line for all runs.
    """
    blocks: dict[str, Sequence[Block]] = {}
    left = list[Left]()
    for name, section in sections.items():
        if len(subjects) < section.fewest:
            continue
        of_section, before = _listener_of(section, subjects, listener), len(left)
        for subject in subjects:
            subject.listener = of_section
        found = {subject: one for subject in subjects if (one := _of_run(section, subject, left)) is not None}
        if found and (laid := _laid_out(section, found, left)):
            blocks[name] = [*laid, *(Paragraph(f"Not of {one.name}: {one.reason}.") for one in left[before:])]
    return Gathered(subjects, blocks, {name: section.heading for name, section in sections.items()}, left)


def _of_run(section: Section, subject: Subject, left: list[Left]) -> Sequence[Block] | None:
    """Gather a section of a run; None, and a line more of what is left out, where there is nothing to show."""
    reason = section.why_not(subject)
    if not reason:
        try:
            return section.gather(subject)
        except HIDDEN as error:
            reason = _reason(error)
    left.append(Left(section.heading, subject.name, reason))
    return None


def _listener_of(section: Section, subjects: Sequence[Subject], listener: Listener) -> Listener:
    """Say that a section begins, if there is anything to show, and return what hears how it gets on."""
    if all(section.why_not(subject) for subject in subjects):
        return listener
    return listener.of_section(f"{listed([subject.name for subject in subjects])}: {section.heading}")


def _laid_out(section: Section, found: Mapping[Subject, Sequence[Block]], left: list[Left]) -> list[Block]:
    """Put a section together; nothing, and a line more for each run, where what stands above all cannot be made."""
    try:
        return section.lay_out(list(found), list(found.values()))
    except HIDDEN as error:
        left += [Left(section.heading, subject.name, _reason(error)) for subject in found]
        return []


def _reason(error: IdmError) -> str:
    return "; ".join(map(phrased, error.lines))


def _lead(subjects: Sequence[Subject]) -> str:
    """Say what the runs are."""
    said: list[str] = []
    for subject in subjects:
        run = subject.run
        name = f"{subject.name}: " if len(subjects) > 1 else ""
        network = f"{run.experiment.network.name} of {run.num_parameters:,} parameters"
        said.append(f"{name}{network} after {run.step:,} optimiser steps, on {data_in_words(run.spec)}.")
    return " ".join(said)
