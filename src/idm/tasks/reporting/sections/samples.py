"""Samples of every class, with their seeds."""

from collections.abc import Sequence
from typing import final

from idm.core.text import counted
from idm.report import Block, Group, Paragraph, Picture, SideBySide
from idm.report.pictures import MOST_COLUMNS
from idm.run.label_kind import Label
from idm.run.saving import picture_of
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.subject import Subject

MOST_ROWS = 8
"""Most rows of samples, where a column is of one class."""


@final
class Samples(Section):
    """A grid with a column for each class; points of each class in a picture of their own."""

    heading = "Samples"

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Lay the first samples out."""
        names, drawn = _class_names(subject), subject.picture
        if not drawn.has_columns and names:
            return [SideBySide(_each_class(subject, names)), _seeds(subject)]
        if names:
            rows = min(MOST_ROWS, -(-drawn.most // len(names)))
            x, said = subject.samples[: rows * len(names)], "A column for each class."
            picture = drawn.draw(x, columns=len(names), names=names)
        else:
            x = subject.samples[: drawn.most]
            picture = picture_of(x, subject.run.spec, labels=_conditions(subject, len(x)))
            said = f"{counted(len(x), 'sample')}."
        return [Picture(picture, f"Samples of {subject.name}", said), _seeds(subject)]


def _conditions(subject: Subject, num: int) -> list[Label] | None:
    """Return the conditions of the first samples; None where the network is told none."""
    kind = subject.run.spec.label_kind
    every = subject.told.usual_labels(kind) if kind.are_fields else []
    return [every[number % len(every)] for number in range(num)] if every else None


def _class_names(subject: Subject) -> list[str]:
    """Return names of the classes that samples have in turn; none where there are too many for columns, or none."""
    known = () if subject.run.spec.label_kind.are_fields else subject.run.class_names or ()
    return list(known) if 1 < len(known) <= MOST_COLUMNS else []


def _each_class(subject: Subject, names: Sequence[str]) -> list[Block]:
    drawn = [subject.samples[number :: len(names)][: subject.picture.most] for number in range(len(names))]
    return [
        Group(name, [Picture(subject.picture.draw(x), f"Samples of class {name}")])
        for name, x in zip(names, drawn, strict=True)
    ]


def _seeds(subject: Subject) -> Block:
    how = f"Drawn by {subject.sampler_in_words}, {counted(subject.sampler.num_calls, 'call')} of the network each."
    order = "row by row, every label in turn" if subject.run.label_kind.is_told else "row by row"
    same = f"idm sample with the seed {subject.seed} draws the same ones"
    return Paragraph(f"{how} Sample i, counted {order}, is of seed {subject.seed} + i: {same}.")
