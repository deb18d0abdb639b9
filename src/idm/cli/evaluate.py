"""``idm evaluate``: score a run on the data it has not seen, or samples beside real data."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli import condition_options, guiding, options
from idm.cli.evaluate_sets import SetOptions, compare_sets, refuse_options_of_runs, refuse_sets
from idm.cli.flags import in_options
from idm.cli.groups import Doing
from idm.cli.output import Output
from idm.core.text import finite

if TYPE_CHECKING:
    from idm.run import Evaluation
    from idm.tasks.evaluating import Evaluated
    from idm.tasks.evaluating_sets import EvaluatedSets


MaybeRun = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN", help="A run folder, or one checkpoint in it; none with --from and --against.", show_default=False
    ),
]
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

Maps = Annotated[bool, options.switch("--maps", "Also write where in each sample its bits are: maps.npz.")]


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
    maps: Maps = False


@dataclass(frozen=True)
class SampleOptions:
    """Which samples are drawn."""

    samples: options.NumRecognised = 0
    sampler: options.SamplerForSamples = None
    sampler_steps: options.StepsForSamples = None
    spacing: options.Spacing = None
    guidance: guiding.GuidanceForSamples = 1.0

    @property
    def asked(self) -> dict[str, Any]:
        """What tasks are told."""
        settings = options.given(name=self.sampler, steps=self.sampler_steps, spacing=self.spacing)
        return {"samples": self.samples, "guidance": self.guidance, "sampler": settings}


@dataclass(frozen=True)
class MeasureOptions:
    """What is measured."""

    metrics: options.Metrics = None
    features: options.Features = None
    cache: options.Cache = None

    @property
    def asked(self) -> dict[str, Any]:
        """What tasks are told."""
        names = None if self.metrics is None else self.metrics.split(",")
        return {"metrics": names, "features": self.features, "cache": self.cache}


@dataclass(frozen=True)
class NetworkOptions:
    """How the network is called."""

    variance: options.Variance = None
    seed: options.Seed = 0
    batch_size: options.BatchSize = 512
    precision: options.Precision = None


def evaluate(
    run_folder: MaybeRun = None,
    others: options.SeveralData = None,
    overrides: options.SourceOverrides = None,
    conditions: condition_options.OfSeveralData = None,
    *,
    sets: SetOptions,
    bound: BoundOptions,
    drawn: SampleOptions,
    measured: MeasureOptions,
    network: NetworkOptions,
    out: options.OutFolder = None,
    doing: Doing,
) -> None:
    """Score held-out data in bits/dim, term by term, and samples by metrics: evaluation.json, scores.csv, and a plot.

    Without RUN, samples of anybody's are compared with real data: --from PATH --against PATH; nothing is written then
    without --out. Interrupted, it keeps what is finished, and the same command goes on; torchrun shares the work out
    among GPUs.
    """
    if run_folder is None:
        refuse_options_of_runs(others, conditions, doing, bound, drawn, network)
        compare_sets(sets, **measured.asked, overrides=overrides or [], out=out, doing=doing)
        return
    refuse_sets(sets)
    from idm.cli.data_options import options_to_score
    from idm.tasks import ScoreRequest, evaluate_into, evaluate_sets_into

    first, condition = (others or [None])[0], (conditions or [None])[0]
    read = options_to_score(overrides or [], first, condition)
    told: dict[str, Any] = {"condition": condition, "condition_source": read.condition}
    wanted = ScoreRequest(first, read.source, **vars(bound), **drawn.asked, **measured.asked, **vars(network), **told)
    if others and max(len(others), len(conditions or [])) > 1:
        of_sets = evaluate_sets_into(run_folder, wanted, others or [], out, conditions=conditions, **doing.for_task)
        if of_sets is not None:
            _describe_sets(doing.output, of_sets)
    elif (found := evaluate_into(run_folder, wanted, out, **doing.for_task)) is not None:
        _describe(doing.output, found)


def _describe(output: Output, found: "Evaluated") -> None:
    evaluation, results = found.evaluation, found.evaluation.to_plain()
    output.pairs(_rows(evaluation, found.remarks) | {name: str(path) for name, path in found.written.items()})
    output.finish(**finite(results), **{name: str(path) for name, path in found.written.items()})


def _rows(evaluation: "Evaluation", remarks: tuple[str, ...]) -> dict[str, str]:
    """What people are told of an evaluation: what is worth knowing, then figures."""
    remarks += _remarks(evaluation)
    noted = {"noted": in_options("; ".join(remarks))} if remarks else {}
    return noted | evaluation.in_words


def _describe_sets(output: Output, found: "EvaluatedSets") -> None:
    for path, evaluation in found.evaluations.items():
        output.pairs({"set": path} | _rows(evaluation, found.remarks[path]))
    written = {name: str(path) for name, path in found.written.items()}
    output.pairs(written)
    sets = {path: finite(evaluation.to_plain()) for path, evaluation in found.evaluations.items()}
    output.finish(sets=sets, **written)


def _remarks(evaluation: "Evaluation") -> tuple[str, ...]:
    """Say where a bound is worse than that of a model which knows nothing: every level as likely as any other."""
    levels = evaluation.about["levels"]
    if levels is None or evaluation.scored is None or evaluation.scored.total.mean <= math.log2(levels):
        return ()
    noise = f"{math.log2(levels):.4g}, that of noise with all levels alike"
    return (f"the total is above {noise}; train for longer, or look at the data",)
