"""Metrics of samples and of the model, with their errors, and beside what real data have."""

import math
from collections.abc import Sequence
from typing import final

from idm.core.phrasing import phrased
from idm.metrics import Figure, worse_than_chance
from idm.report import Block, Paragraph, Picture, Table
from idm.report.forest import beside_nulls
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject

IN_BOUND = ("prior", "steps", "decoder", "histogram")
"""Parts of the bound, which has a section of its own."""


@final
class Metrics(Section):
    """A figure, a table of all runs, and what is worse than chance explains."""

    heading = "Metrics"
    needs = (DATA,)
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Measure all that can be, and say what is worse than chance explains."""
        compared = [one for one in subject.figures.values() if one.null is not None]
        worse = ", ".join(one.name for one in worse_than_chance(compared))
        verdict = f"Worse than chance explains: {worse or 'none'}. Of real data at most 1 case in 20 names any."
        missing = [f"{name} ({phrased(reason)})" for name, reason in subject.metrics.items() if reason]
        blocks: list[Block] = [Paragraph(verdict)] if compared else []
        return [*blocks, *([Paragraph(f"Not measured: {'; '.join(missing)}.")] if missing else [])]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Say how to read them, draw all runs beside the nulls, and write all figures down."""
        text = (
            "Beside each figure stands its null: what real data have in the place of samples, at the same numbers of "
            "both, as the interval that holds 95 % of the drawings. If samples and real data change places at random, "
            "a share p is as bad as the samples: where it is small, chance does not explain the figure. Errors are "
            "standard errors."
        )
        figures = {subject.name: list(subject.figures.values()) for subject in subjects}
        tables = [_table_of_one(subjects[0])] if len(subjects) == 1 else [_table_of_several(subjects)]
        if not any(one.null is not None for every in figures.values() for one in every):
            return [Paragraph(text), *tables]
        drawing, said = beside_nulls(figures), "The grey band is the interval of real data; a distance of 1 is its end."
        return [Paragraph(text), Picture(drawing, "Dot plot: figures beside those of real data", said), *tables]


def _table_of_one(subject: Subject) -> Block:
    rows = [
        (one.name, _value(one), *_null(one), one.note) for one in subject.figures.values() if one.name not in IN_BOUND
    ]
    return Table(rows, header=("Figure", "Value", "Real data, 95 %", "p", "What it is"))


def _table_of_several(subjects: Sequence[Subject]) -> Block:
    """Give each run a column, with p behind its values."""
    first = {name: one for subject in reversed(subjects) for name, one in subject.figures.items()}
    rows = [
        (name, *(_with_p(subject.figures.get(name)) for subject in subjects), one.note)
        for name, one in first.items()
        if name not in IN_BOUND
    ]
    return Table(rows, header=("Figure", *(subject.name for subject in subjects), "What it is, of the first run"))


def _with_p(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    _, p_value = _null(figure)
    return f"{_value(figure)}{p_value and f', p = {p_value}'}"


def _value(figure: Figure) -> str:
    form, known = figure.form, math.isfinite(figure.standard_error)
    error = f" ± {figure.standard_error:{form if '%' in form else '.2g'}}" if known else ""
    return f"{figure.value:{form}}{error}{figure.unit and ' '}{figure.unit}"


def _null(figure: Figure) -> tuple[str, str]:
    """Write the interval and p of a figure's null; nothing where there is none."""
    form, null = figure.form, figure.null
    return ("", "") if null is None else (f"{null.lower:{form}} to {null.upper:{form}}", f"{null.p_value:.2g}")
