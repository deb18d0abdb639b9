"""Errors over noise levels, and what they say of memorisation."""

from collections.abc import Sequence
from typing import final

from idm.report import Block, Paragraph, Picture
from idm.report.levels import errors_over_levels
from idm.tasks.reporting.section import DATA, HELD_OUT, Section
from idm.tasks.reporting.subject import Subject


@final
class Levels(Section):
    """Errors on held-out and on training samples, beside the least that a network can have on these."""

    heading = "Errors over noise levels"
    needs = (DATA, HELD_OUT)
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Measure errors at some levels."""
        found = subject.levels
        held_out, training = len(found.held_out.x_start), found.training
        of_training = "" if training is None else f" and {len(training.x_start):,} training"
        said = f"{held_out:,} held-out{of_training} samples, means with standard errors."
        what = f"Line charts: errors of {subject.name} over noise levels"
        return [Picture(errors_over_levels(found), what, said)]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Say what memorisation looks like."""
        return [
            Paragraph(
                "A network that learns its training set by heart makes smaller errors on it than on other data, and "
                "comes down to the least error that there is for that set: the excess over it is what is left to be "
                "memorised."
            )
        ]
