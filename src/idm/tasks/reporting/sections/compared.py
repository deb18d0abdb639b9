"""Which of several runs predicts the same data better."""

from collections.abc import Sequence
from typing import final

from idm.core.errors import IdmError
from idm.core.phrasing import phrased
from idm.likelihood.sampled import USUAL_CALLS
from idm.report import Block, Paragraph, Table
from idm.run.comparing import Comparison, EqualTerms, compare_bounds
from idm.tasks.reporting.section import DATA, HELD_OUT, Section
from idm.tasks.reporting.subject import Subject


@final
class Compared(Section):
    """Paired differences of bounds to the first run."""

    heading = "Which predicts held-out data better"
    needs = (DATA, HELD_OUT)
    fewest = 2
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Return nothing: what is compared stands above all runs."""
        return ()

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Compare all with the first."""
        first, others = subjects[0], subjects[1:]
        rows = [(other.name, *_difference(first, other)) for other in others]
        header = (f"{first.name} beside", "Difference, bits/dim", "95 %", "p", "Better")
        text = "Differences of bounds of the same held-out samples with the same noise scatter far less than bounds do."
        return [Paragraph(f"{text} Below 0 {first.name} is better."), Table(rows, header=header)]

    def lay_out(self, subjects: Sequence[Subject], gathered: Sequence[Sequence[Block]]) -> list[Block]:
        """Return the table alone."""
        return list(self.introduce(subjects)) if len(subjects) >= self.fewest else []


def _difference(first: Subject, second: Subject) -> tuple[str, str, str, str]:
    steps = min(one.run.diffusion.num_timesteps for one in (first, second))
    num = first.effort.scored(2 * USUAL_CALLS, len(first.data.held_out))
    terms = EqualTerms(USUAL_CALLS if steps > USUAL_CALLS else 0, 0, num, first.seed, first.run.batch_size)
    try:
        found = compare_bounds(Comparison((first.run, second.run), (first.data, second.data), terms), first.listener)
    except IdmError as error:  # other data, or other levels
        return "-", "-", "-", phrased(str(error))
    low, high = found.interval
    better = {"first": first.name, "second": second.name}.get(found.better, found.better)
    apart = found.difference
    return (
        f"{apart.mean:+.4f} ± {apart.standard_error:.4f}",
        f"{low:+.4f} to {high:+.4f}",
        f"{found.p_value:.2g}",
        better,
    )
