"""Samples and bounds over calls of the network, into a folder, in parts that outlive an interruption."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from torch import Tensor

from idm.core.files import write_atomically
from idm.core.places import folder_in
from idm.core.progress import SILENT, Listener
from idm.core.text import finite, json_text
from idm.likelihood import Estimate
from idm.report import Curve, Panel, over_calls, png
from idm.run import Data, Opened, Run, Tradeoff, load, open_run_data
from idm.run.evaluation import about
from idm.run.saving import results_folder
from idm.run.scoring import bits_per_dim, chain_to_score
from idm.run.tradeoff import Quality, TradeoffPlan, plan_tradeoff
from idm.samplers import Sampler
from idm.storage.results import results_in
from idm.tasks.drawn_parts import Order, sample_in_parts
from idm.tasks.long_jobs import vlb_in_parts
from idm.tasks.parts import remove_parts
from idm.tasks.requests import ScoreRequest, TradeoffRequest
from idm.tasks.together import Say, say_nothing, say_what_is_replaced, together

RESULTS, PLOT = "tradeoff.json", "tradeoff.png"
NAMES = (RESULTS, PLOT)
"""What is written."""

PARTS = ".parts-tradeoff"
"""Where the parts lie meanwhile, in a folder for each comparison."""

SURE_STANDARD_ERRORS = 1.96
"""Standard errors on both sides of a number that hold it 95 times of 100."""

LEAST_SHARE = 0.1
"""Share of a value down to which an interval that reaches to 0 is drawn on a log scale."""


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison in a folder.

    Attributes:
        run: what was compared.
        tradeoff: what was found.
        written: what was written, by what it is.
    """

    run: Run
    tradeoff: Tradeoff
    written: dict[str, Path]


def tradeoff_into(
    run_folder: str | Path,
    request: TradeoffRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Compared:
    """Compare samplers by quality over calls, into RUN/tradeoff by default: tradeoff.json, and a plot.

    Interrupted, it keeps what is finished, and the same call goes on. Arguments, and all else that is not said here, as
    of ``sample_into``; see ``Run.tradeoff``.

    Raises:
        DataError: the run's data cannot be opened.
    """
    opened = load(run_folder, device=device, trust_code=trust_code).using(precision=request.precision)
    folder, data = together(lambda: results_folder(out, opened, "tradeoff"), lambda: open_run_data(opened))
    plan = plan_tradeoff(opened, data, ways=request.samplers, calls=request.calls, samples=request.samples)
    with ExitStack() as stack:
        results = stack.enter_context(results_in(folder, NAMES))
        say_what_is_replaced(results, say)
        parts = folder_in(folder, PARTS)
        parts.mkdir(exist_ok=True)
        found = _measured_in_parts(plan, data, request, folder, listener)
        plain = about(opened, request.seed, None) | found.to_plain()
        written = results.put(f"a comparison of {opened.name}", lambda place: write_tradeoff(place, found, plain))
        for place in sorted(parts.iterdir()):  # those of a longer comparison that was stopped, too
            remove_parts(place)
        with suppress(OSError):  # somebody else's file
            parts.rmdir()
    return Compared(opened, found, written)


def _measured_in_parts(
    plan: TradeoffPlan, data: Data, request: TradeoffRequest, folder: Path, listener: Listener
) -> Tradeoff:
    """Draw and score, the parts of each comparison in a folder of its own."""
    places = (folder_in(folder, PARTS, str(number)) for number in count())

    def drawn(run: Opened, sampler: Sampler) -> Tensor:
        order = Order(request.samples, sampler, seed=request.seed, batch_size=request.batch_size)
        found = sample_in_parts(run, order, next(places), listener=listener)
        assert found is not None, "this is the only process"
        return found

    def scored(run: Opened, steps: int) -> Estimate:
        wanted = ScoreRequest(steps=steps, num=request.num, seed=request.seed, batch_size=request.batch_size)
        chain, number = chain_to_score(run, data, steps=steps, num=request.num)
        found = vlb_in_parts(run, data, chain, number, next(places), wanted, listener=listener)
        assert found is not None, "this is the only process"
        return bits_per_dim(run, found)

    return plan.measure(drawn, scored)


def write_tradeoff(folder: Path, found: Tradeoff, plain: dict[str, object]) -> dict[str, Path]:
    """Write all numbers, and a plot."""
    return {
        "results": write_atomically(
            folder / RESULTS, (json_text(finite(plain), indent=2) + "\n").encode(), durable=True
        ),
        "plot": write_atomically(folder / PLOT, png(over_calls(panels_of_tradeoff(found)))),
    }


def panels_of_tradeoff(found: Tradeoff) -> list[Panel]:
    """Distance over calls, the share that is recognised where that is known, and bits/dim where data are held out."""
    nulls = {"training data drawn again": found.again, "held-out data": found.held_out}
    distance = Panel(
        f"Fréchet distance, {found.features} principal components",
        f"distance of {found.num:,} samples (log scale)",
        [_curve(way, [(one.calls, one.frechet) for one in rows], log=True) for way, rows in _by(found.samples)],
        {name: null.mean for name, null in nulls.items() if null is not None},
        log=True,
    )
    panels = [distance]
    if found.recognised_held_out is not None:
        shares = [
            _curve(way, [(one.calls, one.recognised) for one in rows if one.recognised is not None])
            for way, rows in _by(found.samples)
        ]
        level = {"held-out data": found.recognised_held_out.mean}
        panels.append(Panel("Recognised by a classifier", "share of samples", shares, level))
    if found.bounds:
        names = dict.fromkeys(bound.variance for bound in found.bounds)
        curves = [
            _curve(f"variance: {name}", [(at.steps, at.bits_per_dim) for at in found.bounds if at.variance == name])
            for name in names
        ]
        panels.append(Panel("Bound of held-out data", "bits/dim", curves))
    return panels


def _by(samples: Sequence[Quality]) -> list[tuple[str, list[Quality]]]:
    ways = dict.fromkeys(one.way for one in samples)
    return [(way, [one for one in samples if one.way == way]) for way in ways]


def _curve(name: str, points: Sequence[tuple[int, Estimate]], *, log: bool = False) -> Curve:
    """Draw intervals of 95 in 100; on a log scale those that reach to 0 end where the axis still has a place."""
    reach = [SURE_STANDARD_ERRORS * value.standard_error for _, value in points]
    values = [value.mean for _, value in points]
    return Curve(
        name,
        [calls for calls, _ in points],
        values,
        [(LEAST_SHARE * value if log and by >= value else value - by) for value, by in zip(values, reach, strict=True)],
        [value + by for value, by in zip(values, reach, strict=True)],
    )
