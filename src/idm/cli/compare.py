"""``idm compare``: which of two runs predicts the same data better."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli import condition_options, options
from idm.cli.groups import Doing
from idm.cli.output import Output
from idm.core.text import counted, finite

if TYPE_CHECKING:
    from idm.tasks.comparing import Judged

First = Annotated[
    Path, typer.Argument(metavar="RUN_A", help="A run folder, or one checkpoint in it.", show_default=False)
]
Second = Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one, of the same data.", show_default=False)]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; by default RUN_A/compared.")
]


def compare(
    first: First,
    second: Second,
    other: options.OtherData = None,
    overrides: options.SourceOverrides = None,
    condition: condition_options.OfOtherData = None,
    budget: options.Budget = 0,
    steps: options.BoundSteps = 0,
    num: options.NumHeldOut = 0,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 512,
    out: Out = None,
    precision: options.Precision = None,
    *,
    doing: Doing,
) -> None:
    """Compare the bounds of two runs on the same held-out samples with the same noise: comparison.json, scores.csv.

    Differences of each sample scatter far less than either bound, so that they tell sooner which run is better.
    Interrupted, it keeps what is finished, and the same command goes on.
    """
    from idm.cli.data_options import options_to_score
    from idm.tasks.comparing import compare_into
    from idm.tasks.requests import CompareRequest

    read = options_to_score(overrides or [], other, condition)
    wanted = CompareRequest(
        other, read.source, budget, steps, num, seed, batch_size, precision, condition, read.condition
    )
    _describe(doing.output, compare_into(first, second, wanted, out, **doing.for_task))


def _describe(output: Output, found: "Judged") -> None:
    plain = found.to_plain()
    apart, (low, high) = plain["difference"], plain["difference"]["interval"]
    names = [str(run.name) for run in found.runs]
    better = {"first": f"{names[0]} is better", "second": f"{names[1]} is better"}.get(
        plain["better"], "which is better cannot be told"
    )
    means = [f"{plain[one]['mean']:.4f}{_error(plain[one])} bits/dim" for one in ("first", "second")]
    rows = {"first": f"{means[0]}  {names[0]}", "second": f"{means[1]}  {names[1]}"}
    chance = f", {low:+.4f} to {high:+.4f} in 95 of 100 cases, p = {apart['p_value']:.3g}" if math.isfinite(low) else ""
    rows["difference"] = f"{apart['mean']:+.4f}{_error(apart)} bits/dim{chance}, {counted(plain['num'], 'sample')}"
    output.pairs(rows | {"verdict": better} | {name: str(path) for name, path in found.written.items()})
    output.finish(**finite(plain), **{name: str(path) for name, path in found.written.items()})


def _error(found: Mapping[str, float]) -> str:
    """Write a standard error; nothing of a single sample, which has none."""
    return f" ± {found['standard_error']:.4f}" if math.isfinite(found["standard_error"]) else ""
