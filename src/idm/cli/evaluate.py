"""``idm evaluate``: score a run on the data it has not seen."""

import math
from typing import TYPE_CHECKING

from idm.cli import guiding, options
from idm.cli.flags import in_options
from idm.cli.output import Output
from idm.core.text import finite

if TYPE_CHECKING:
    from idm.run import Evaluation
    from idm.tasks.evaluating import Evaluated


def evaluate(
    run_folder: options.RunArgument,
    other: options.OtherData = None,
    overrides: options.SourceOverrides = None,
    steps: options.BoundSteps = 0,
    num: options.NumHeldOut = 0,
    samples: options.NumRecognised = 0,
    metrics: options.Metrics = None,
    features: options.Features = None,
    sampler: options.SamplerForSamples = None,
    sampler_steps: options.StepsForSamples = None,
    spacing: options.Spacing = None,
    guidance: guiding.GuidanceForSamples = 1.0,
    plan: options.Plan = None,
    variance: options.Variance = None,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 512,
    out: options.OutFolder = None,
    precision: options.Precision = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Score held-out data in bits/dim, term by term, and samples by metrics: evaluation.json, and a plot of the terms.

    Interrupted, it keeps what is finished, and the same command goes on; torchrun shares the work out among GPUs.
    """
    from idm.cli.data_options import options_to_score
    from idm.core.terminal import TERMINAL
    from idm.tasks.evaluating import evaluate_into
    from idm.tasks.requests import ScoreRequest

    changes = {"name": sampler, "steps": sampler_steps, "spacing": spacing}
    output = Output(as_json=as_json)
    source, settings = options_to_score(overrides or [], other), {k: v for k, v in changes.items() if v is not None}
    wanted = ScoreRequest(
        other,
        source,
        steps,
        num,
        samples,
        settings,
        seed,
        batch_size,
        precision,
        variance,
        plan,
        guidance,
        None if metrics is None else metrics.split(","),
        features,
    )
    found = evaluate_into(
        run_folder, wanted, out, device=device, trust_code=trust_code, listener=TERMINAL, say=output.line
    )
    if found is not None:
        _describe(output, found)


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
    if levels is None or evaluation.bound is None or evaluation.bound.total.mean <= math.log2(levels):
        return ()
    noise = f"{math.log2(levels):.4g}, that of noise with all levels alike"
    return (f"the total is above {noise}; train for longer, or look at the data",)
