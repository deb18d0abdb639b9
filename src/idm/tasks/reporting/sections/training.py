"""Losses over training, and what else was recorded of it."""

from collections.abc import Sequence
from typing import final

from idm.report import Block, Paragraph, Picture, SideBySide, loss_curve
from idm.report.over_training import traces_of
from idm.tasks.reporting.section import LOSSES, Section
from idm.tasks.reporting.subject import Subject
from idm.training.memorisation import SINCE


@final
class Training(Section):
    """Curves; those of several runs on the same axes where they are alike."""

    heading = "Training"
    needs = (LOSSES,)
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Draw the losses."""
        last = subject.rows[-1]
        took = f" It took {last['seconds']:,.0f} s." if "seconds" in last else ""
        since = next((row[SINCE] for row in reversed(subject.rows) if SINCE in row), None)
        told = took + ("" if since is None else f" Memorisation began by step {since:,.0f}.")
        return [
            Picture(
                loss_curve(subject.rows),
                f"Line chart: loss of {subject.name} over training, by noise level",
                f"The loss, and its parts by quarter of the noise levels, up to step {last['step']:,.0f}.{told}",
            )
        ]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Draw what was recorded beside the losses."""
        text = (
            "The network learns to tell noise from data at every noise level. Little noise is hard to see, so the "
            "error is largest at the least noisy levels; all curves should fall and then level off."
        )
        traces = traces_of({subject.name: subject.rows for subject in subjects})
        drawn = [Picture(one, f"Line chart: {one.axes[0].get_title('left')}") for one in traces]
        return [Paragraph(text), *([SideBySide(drawn, least_rem=26)] if drawn else [])]
