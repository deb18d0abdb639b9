"""``idm evaluate``: score a run on the data it has not seen."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli import condition_options, guiding, options
from idm.cli.flags import in_options
from idm.cli.groups import Doing
from idm.cli.output import Output
from idm.core.text import finite

if TYPE_CHECKING:
    from idm.run import Evaluation
    from idm.tasks.evaluating import Evaluated


TargetSe = Annotated[
    float | None,
    typer.Option(
        "--target-se",
        metavar="BITS",
        help="Estimate it from as many calls as leave this standard error, bits/dim, of the mean of the samples.",
    ),
]
FlowSteps = Annotated[
    int, options.number("--flow-steps", "For --metrics flow: steps of its solver, an even number.", 2)
]
Scores = Annotated[
    str | None,
    typer.Option(
        "--scores",
        metavar="FILE",
        help="A .csv file for the scores of single samples; by default one beside the others.",
    ),
]


@dataclass(frozen=True)
class BoundOptions:
    """Which bound is evaluated, and what it may cost."""

    steps: options.BoundSteps = 0
    num: options.NumHeldOut = 0
    budget: options.Budget = 0
    target_se: TargetSe = None
    flow_steps: FlowSteps = 50
    plan: options.Plan = None
    scores: Scores = None


@dataclass(frozen=True)
class SampleOptions:
    """Which samples are drawn, and what is measured of them."""

    samples: options.NumRecognised = 0
    metrics: options.Metrics = None
    features: options.Features = None
    sampler: options.SamplerForSamples = None
    sampler_steps: options.StepsForSamples = None
    spacing: options.Spacing = None
    guidance: guiding.GuidanceForSamples = 1.0

    @property
    def asked(self) -> dict[str, Any]:
        """What tasks are told."""
        settings = options.given(name=self.sampler, steps=self.sampler_steps, spacing=self.spacing)
        names = None if self.metrics is None else self.metrics.split(",")
        told = {"samples": self.samples, "features": self.features, "guidance": self.guidance}
        return told | {"sampler": settings, "metrics": names}


def evaluate(
    run_folder: options.RunArgument,
    other: options.OtherData = None,
    overrides: options.SourceOverrides = None,
    condition: condition_options.OfOtherData = None,
    *,
    bound: BoundOptions,
    drawn: SampleOptions,
    variance: options.Variance = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 512,
    out: options.OutFolder = None,
    precision: options.Precision = None,
    doing: Doing,
) -> None:
    """Score held-out data in bits/dim, term by term, and samples by metrics: evaluation.json, scores.csv, and a plot.

    Interrupted, it keeps what is finished, and the same command goes on; torchrun shares the work out among GPUs.
    """
    from idm.cli.data_options import options_to_score
    from idm.tasks.evaluating import evaluate_into
    from idm.tasks.requests import ScoreRequest

    how: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "precision": precision, "variance": variance}
    how["condition"] = condition
    source = options_to_score(overrides or [], other)
    wanted = ScoreRequest(other, source, **vars(bound), **drawn.asked, **how)
    found = evaluate_into(run_folder, wanted, out, **doing.for_task)
    if found is not None:
        _describe(doing.output, found)


def _describe(output: Output, found: "Evaluated") -> None:
    evaluation, results = found.evaluation, found.evaluation.to_plain()
    remarks = found.remarks + _remarks(evaluation)
    noted = {"noted": in_options("; ".join(remarks))} if remarks else {}
    rows = {figure.name: figure.in_words() for figures in evaluation.figures.values() for figure in figures}
    if (worse := evaluation.worse_than_chance) is not None:
        rows["worse"] = f"than real data are in 19 of 20 cases, all figures together: {', '.join(worse) or 'none'}"
    output.pairs(noted | rows | {name: str(path) for name, path in found.written.items()})
    output.finish(**finite(results), **{name: str(path) for name, path in found.written.items()})


def _remarks(evaluation: "Evaluation") -> tuple[str, ...]:
    """Say where a bound is worse than that of a model which knows nothing: every level as likely as any other."""
    levels = evaluation.about["levels"]
    if levels is None or evaluation.scored is None or evaluation.scored.total.mean <= math.log2(levels):
        return ()
    noise = f"{math.log2(levels):.4g}, that of noise with all levels alike"
    return (f"the total is above {noise}; train for longer, or look at the data",)
