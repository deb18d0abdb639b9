"""``idm evaluate``: score a run on the data it has not seen."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idm.cli import guiding, options
from idm.cli.flags import in_options
from idm.cli.output import Output
from idm.core.text import counted, finite


def evaluate(
    run: options.RunArgument,
    other: options.OtherData = None,
    overrides: options.SourceOverrides = None,
    steps: options.BoundSteps = 0,
    num: options.NumHeldOut = 0,
    samples: options.NumRecognised = 0,
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
    """Score held-out data in bits/dim, term by term: evaluation.json, and a plot of the terms over timesteps.

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
        other, source, steps, num, samples, settings, seed, batch_size, precision, variance, plan, guidance
    )
    found = evaluate_into(run, wanted, out, device=device, trust_code=trust_code, listener=TERMINAL, say=output.line)
    if found is not None:
        _describe(output, found.evaluation.to_plain(), found.written, found.remarks)


def _describe(output: Output, results: dict[str, Any], written: dict[str, Path], remarks: tuple[str, ...]) -> None:
    bits, found = results["bits_per_dim"], results.get("classifier")
    kind = "sample" if results["data"] else "held-out sample"
    words = {
        "total": f"bits/dim, {counted(results['num'], kind)}, bound of {counted(results['steps'], 'step')}",
        "prior": "left of the data after all noise was added",
        "steps": "all reverse steps but the last",
        "decoder": "the last step, to exact values",
        "histogram": "for comparison: histograms of each value, by class, with 1/2 added to every count",
    }
    grid = "densities in the data's own units" if results["levels"] is None else f"probabilities of {results['grid']}"
    words["total"] += f"; {grid}"
    rows = {
        name: f"{_with_error(bits[name], '.4f')}  {meaning}"
        for name, meaning in words.items()
        if bits[name] is not None
    }
    if found is not None:
        scale = results["guidance"]
        under = "" if scale == 1.0 else f", guidance {scale:g}, which the bound is without"
        calls = f"{counted(found['sampler_calls'], 'call')} of the network"
        taken = f"{counted(found['sampler_steps'], 'step')}, {calls}{under}"
        rows["recognised"] = (
            f"{_with_error(found['samples'], '.1%')} of {counted(found['num'], 'sample')} by {found['sampler']}, "
            f"{taken} ({found['held_out']['mean']:.1%} of held-out data)"
        )
    remarks += _remarks(bits["total"]["mean"], results["levels"])
    noted = {"noted": in_options("; ".join(remarks))} if remarks else {}
    output.pairs(noted | rows | {name: str(path) for name, path in written.items()})
    output.finish(**finite(results), **{name: str(path) for name, path in written.items()})


def _with_error(estimate: Mapping[str, float], form: str) -> str:
    """Write a mean and its standard error, which a single sample has not."""
    mean, error = estimate["mean"], estimate["standard_error"]
    return f"{mean:{form}} ± {error:{form}}" if math.isfinite(error) else f"{mean:{form}}"


def _remarks(total: float, levels: int | None) -> tuple[str, ...]:
    """Say where a bound is worse than that of a model which knows nothing: every level as likely as any other."""
    if levels is None or total <= math.log2(levels):
        return ()
    noise = f"{math.log2(levels):.4g}, that of noise with all levels alike"
    return (f"the total is above {noise}; train for longer, or look at the data",)
