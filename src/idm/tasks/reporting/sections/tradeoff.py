"""What samples and bounds are worth over the calls of the network that they cost: steps, samplers, variances."""

from collections.abc import Sequence
from typing import final

from idm.core.errors import CheckpointError, SettingsError
from idm.core.text import counted
from idm.report import Block, Paragraph, Picture, SideBySide, Table, over_calls
from idm.run import Tradeoff
from idm.run.measurable import measure_tradeoff
from idm.run.tradeoff import USUAL_CALLS, WAYS, plan_tradeoff
from idm.tasks.reporting.section import DATA, Section
from idm.tasks.reporting.subject import Subject
from idm.tasks.tradeoff import panels_of_tradeoff

ANALYTIC = "ddpm:linspace:analytic"
"""What is compared, too, where the run's error curve is known."""


@final
class OverCalls(Section):
    """Tables and plots of ``idm tradeoff``."""

    heading = "Steps, samplers and variances"
    needs = (DATA,)
    stands_beside = False

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Compare samplers at several numbers of calls."""
        most = subject.run.diffusion.num_timesteps
        ways, calls = _ways(subject), [each for each in USUAL_CALLS if each <= most] or [most]
        samples = subject.effort.compared(len(ways) * sum(calls))
        num = subject.effort.compared_held_out(2 * sum(calls), len(subject.data.held_out))
        plan = plan_tradeoff(subject.run, subject.data, ways=ways, calls=calls, samples=samples)
        size, seed = subject.run.batch_size, subject.seed
        with subject.timed("samplers over calls"):
            found = measure_tradeoff(
                plan, subject.data, samples, num, seed=seed, batch_size=size, listener=subject.listener
            )
        plots = [Picture(over_calls([panel]), f"Line chart: {panel.title}") for panel in panels_of_tradeoff(found)]
        return [*_tables(found, ways, calls, num), SideBySide(plots, least_rem=26)]

    def introduce(self, subjects: Sequence[Subject]) -> Sequence[Block]:
        """Say how to read it."""
        return [
            Paragraph(
                "What more calls of the network buy. All ways begin with the same noise. A way is a sampler, the "
                "levels that it visits and, where it is not the model's own, the variance of its steps. Errors are "
                "standard errors; the distance of training data drawn again is what good samples can reach here."
            )
        ]


def _ways(subject: Subject) -> list[str]:
    try:
        subject.run.using(variance="analytic")
    except (SettingsError, CheckpointError):  # no error curve, or a damaged one
        return list(WAYS)
    return [*WAYS, ANALYTIC]


def _tables(found: Tradeoff, ways: Sequence[str], calls: Sequence[int], num: int) -> list[Block]:
    rows = [found.samples[first : first + len(ways)] for first in range(0, len(found.samples), len(ways))]
    nulls = {"training data drawn again": found.again, "held-out data": found.held_out}
    said = "; ".join(f"{name} {null}" for name, null in nulls.items() if null is not None)
    about = f"Fréchet distance of {counted(found.num, 'sample')} on {found.features} principal components; {said}."
    named = list(zip(map(str, calls), rows, strict=True))
    blocks: list[Block] = [
        Paragraph(about),
        Table([(call, *(str(one.frechet) for one in row)) for call, row in named], header=("Calls", *ways)),
    ]
    if found.recognised_held_out is not None:
        shares = [
            (call, *(f"{100 * one.recognised.mean:.1f} %" if one.recognised else "-" for one in row))
            for call, row in named
        ]
        about = f"Share that a classifier recognises; {100 * found.recognised_held_out.mean:.1f} % of held-out data."
        blocks += [Paragraph(about), Table(shares, header=("Calls", *ways))]
    if found.bounds:
        names = list(dict.fromkeys(bound.variance for bound in found.bounds))
        known = {(bound.steps, bound.variance): str(bound.bits_per_dim) for bound in found.bounds}
        steps = list(dict.fromkeys(bound.steps for bound in found.bounds))
        about = f"Bound of {counted(num, 'held-out sample')} in bits/dim, by steps and variance of the chain."
        table = [(str(step), *(known[step, name] for name in names)) for step in steps]
        blocks += [Paragraph(about), Table(table, header=("Steps", *(f"variance: {name}" for name in names)))]
    return blocks
