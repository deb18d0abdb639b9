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
    """A table, a figure, and what is worse than chance explains."""

    heading = "Metrics"
    needs = (DATA,)
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Measure all that can be."""
        figures = list(subject.figures.values())
        worse = ", ".join(one.name for one in worse_than_chance([one for one in figures if one.null is not None]))
        verdict = f"Worse than real data are in 19 of 20 cases, all figures together: {worse or 'none'}."
        missing = [f"{name} ({phrased(reason)})" for name, reason in subject.metrics.items() if reason]
        blocks: list[Block] = [
            Table(
                [_row(one) for one in figures if one.name not in IN_BOUND],
                header=("Figure", "Value", "Real data, 95 %", "p", "What it is"),
            )
        ]
        blocks.append(Paragraph(verdict))
        return [*blocks, *([Paragraph(f"Not measured: {'; '.join(missing)}.")] if missing else [])]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Say how to read them, and draw all runs beside the nulls."""
        text = (
            "Beside each figure stands its null: what real data have in the place of samples, at the same numbers of "
            "both, with the interval that holds 95 % of 399 drawings, and the share p of them that is as bad. Errors "
            "are standard errors."
        )
        figures = {subject.name: list(subject.figures.values()) for subject in subjects}
        if not any(one.null is not None for every in figures.values() for one in every):
            return [Paragraph(text)]
        drawing, said = beside_nulls(figures), "The grey band is the interval of real data; a distance of 1 is its end."
        return [Paragraph(text), Picture(drawing, "Dot plot: figures beside those of real data", said)]


def _row(figure: Figure) -> tuple[str, ...]:
    form, null = figure.form, figure.null
    error = f" ± {figure.standard_error:.2g}" if math.isfinite(figure.standard_error) and "%" not in form else ""
    error = f" ± {figure.standard_error:{form}}" if math.isfinite(figure.standard_error) and "%" in form else error
    value = f"{figure.value:{form}}{error}{figure.unit and ' '}{figure.unit}"
    if null is None:
        return figure.name, value, "", "", figure.note
    return figure.name, value, f"{null.lower:{form}} to {null.upper:{form}}", f"{null.p_value:.2g}", figure.note
