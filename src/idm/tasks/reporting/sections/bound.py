"""The variational bound of held-out data, and what it is made of."""

from collections.abc import Sequence
from typing import final

from idm.likelihood import Estimate
from idm.report import Block, Paragraph, Picture, Table, bound_by_timestep
from idm.report.steps import learned_and_best
from idm.run import HeldOutBound, held_out_bound
from idm.tasks.reporting.effort import MOST_TERMS
from idm.tasks.reporting.section import DATA, HELD_OUT, Section
from idm.tasks.reporting.subject import Subject

PARTS = (
    "Prior: what is left of the data after all noise was added",
    "Reverse steps, all but the last",
    "Decoder: from the least noisy step to exact values",
)


@final
class Bound(Section):
    """The bound with its parts, term by term, and the variance where it was learned."""

    heading = "Bits per dimension of held-out data"
    needs = (DATA, HELD_OUT)
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Evaluate or estimate the bound, and the terms of a chain that is short enough."""
        found = subject.bound
        total, by_term = found.total, found.whole or _by_term(subject)
        rows = [(name, str(Estimate.of(part))) for name, part in zip(PARTS, found.pieces, strict=True)]
        rows.append(("Total", f"{total}"))
        if found.histogram is not None:
            rows.append(("For comparison: histograms of each value", str(found.histogram)))
        low, high = (total.mean + sign * 1.96 * total.standard_error for sign in (-1, 1))
        about = found.parts(subject.run.spec.codec, own=True).about
        said = f"{about}. The interval of 95 % over samples is {low:.3f} to {high:.3f} bits/dim."
        return [
            Table(rows, header=("Part", "bits/dim")),
            Paragraph(said),
            *_terms(subject, by_term),
        ]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Say what bits/dim are."""
        return [
            Paragraph(
                "How many bits it would take to store one value of data that the model has not seen, if its "
                "probabilities were used to compress them: an upper bound, lower is better. Of continuous data it is "
                "that of a density in their own units, and may be negative. Errors are standard errors over samples."
            )
        ]


def _by_term(subject: Subject) -> HeldOutBound:
    steps = min(MOST_TERMS, subject.run.diffusion.num_timesteps)
    num = subject.effort.scored_by_term(steps, len(subject.data.held_out))
    with subject.timed(f"terms of a bound of {steps:,} steps"):
        return held_out_bound(
            subject.run, subject.data, steps=steps, num=num, seed=subject.seed, listener=subject.listener
        )


def _terms(subject: Subject, found: HeldOutBound) -> list[Block]:
    terms = [Estimate.of(column) for column in found.vlb.vb.T]
    figure = bound_by_timestep([one.mean for one in terms], [one.standard_error for one in terms], found.timesteps)
    num, steps, whole = len(found.vlb.total_bpd), len(found.timesteps), subject.run.diffusion.num_timesteps
    shorter = f" Its chain has {steps:,} of the {whole:,} steps, and so a larger bound." if steps < whole else ""
    said = f"Each step's share of the bound of {num:,} samples.{shorter} The running sum lacks the prior."
    blocks: list[Block] = [Picture(figure, "Two line charts: bits/dim of each step, and their running sum", said)]
    if found.fractions is not None:
        said = "What the network learned of the variance of reverse steps, over samples and values, beside the best."
        blocks.append(Picture(learned_and_best(found.fractions), "Line chart: learned and best variance", said))
    return blocks
