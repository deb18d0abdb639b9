"""``idm tradeoff``: what samples and bounds are worth over the calls that they cost."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli import options
from idm.cli.groups import Doing
from idm.cli.output import Output
from idm.core.errors import SettingsError
from idm.core.text import counted, finite

if TYPE_CHECKING:
    from idm.run.judging import Estimate
    from idm.run.tradeoff import Tradeoff

Samplers = Annotated[
    str | None,
    typer.Option(
        "--samplers",
        metavar="NAMES",
        help="NAME, NAME:SPACING or NAME:SPACING:VARIANCE, with commas between; "
        "ddim:linspace,multistep:log_snr,ddpm:linspace if not given.",
    ),
]
Calls = Annotated[
    str | None,
    typer.Option("--calls", metavar="NUMBERS", help="Calls of the network for a sample; 5,10,20,50 if not given."),
]
Drawn = Annotated[int, options.number("--samples", "Samples to draw by each.", 2)]


def tradeoff(
    run_folder: options.RunArgument,
    samplers: Samplers = None,
    calls: Calls = None,
    samples: Drawn = 1000,
    num: options.NumHeldOut = 0,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 256,
    out: options.OutFolder = None,
    precision: options.Precision = None,
    *,
    doing: Doing,
) -> None:
    """Compare samplers by what their samples are worth over calls of the network: tradeoff.json, and a plot.

    All begin with the same noise. Beside them stand training data drawn again at the same number, and held-out data.
    Interrupted, it keeps what is finished, and the same command goes on.
    """
    from idm.run.tradeoff import WAYS
    from idm.tasks.requests import TradeoffRequest
    from idm.tasks.tradeoff import tradeoff_into

    ways = WAYS if samplers is None else samplers.split(",")
    numbers = None if calls is None else _numbers(calls)
    wanted = TradeoffRequest(ways, numbers, samples, num, seed, batch_size, precision)
    output, found = doing.output, tradeoff_into(run_folder, wanted, out, **doing.for_task)
    _describe(output, found.tradeoff)
    output.line()
    output.pairs(found.written)
    output.finish(**finite(found.tradeoff.to_plain()), **{name: str(path) for name, path in found.written.items()})


def _numbers(text: str) -> list[int]:
    """Read numbers with commas between.

    Raises:
        SettingsError: what is none.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise SettingsError(f"calls: whole numbers with commas between wanted, such as 5,10, got {text!r}") from error


def _describe(output: Output, found: "Tradeoff") -> None:
    output.heading(f"Fréchet distance on {found.features} principal components, {counted(found.num, 'sample')} each")
    widest = max(len(one.way) for one in found.samples)
    for one in found.samples:
        calls, least = counted(one.calls, "call"), one.above_best.mean == 0
        more = "the least" if least else f"{_said(one.above_best)} more than the least"
        share = "" if one.recognised is None else f", {_said(one.recognised, '.1%')} recognised"
        output.line(f"  {calls:>10}  {one.way:<{widest}}  {_said(one.frechet)}, {more}{share}")
    nulls = {"training data drawn again": found.again, "held-out data": found.held_out}
    output.line("  " + "; ".join(f"{name} {_said(null)}" for name, null in nulls.items() if null is not None))
    if found.bounds:
        output.heading("Bound of held-out data, bits/dim")
        for bound in found.bounds:
            said = _said(bound.bits_per_dim, ".4f")
            output.line(
                f"  {counted(bound.steps, 'step'):>10}  variance: {bound.variance:<{max(0, widest - 10)}}  {said}"
            )


def _said(value: "Estimate", form: str = ".3f") -> str:
    if not math.isfinite(value.standard_error):  # of a single sample
        return f"{value.mean:{form}}"
    return f"{value.mean:{form}} ± {value.standard_error:{form}}"
