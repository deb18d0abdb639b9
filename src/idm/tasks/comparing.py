"""Two runs on the same samples, into a folder, in parts that outlive an interruption."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.text import finite, json_text
from idm.diffusion import GaussianDiffusion
from idm.run import Data, Opened, Run, load
from idm.run.comparing import ComparedBounds, Comparison, EqualTerms
from idm.run.estimating import Terms
from idm.run.other_data import open_data_of_both
from idm.run.saving import results_folder
from idm.run.scoring import in_data_units
from idm.storage.results import results_in
from idm.tasks.estimates import estimate_in_parts
from idm.tasks.long_jobs import vlb_in_parts
from idm.tasks.parts import remove_parts
from idm.tasks.requests import CompareRequest, ScoreRequest
from idm.tasks.scores import SCORES, write_scores
from idm.tasks.together import Say, say_nothing, say_what_is_replaced

RESULTS = "comparison.json"
NAMES = (RESULTS, SCORES)
"""What is written."""

PARTS = ".parts-compared-"
"""Where the parts of either run lie meanwhile, with its number."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A comparison in a folder.

    Attributes:
        runs: what was compared.
        bounds: what was found.
        written: what was written, by what it is.
    """

    runs: tuple[Run, Run]
    bounds: ComparedBounds
    written: dict[str, Path]

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, numbers that are not finite among them."""
        return {"runs": [str(run.name) for run in self.runs]} | self.bounds.to_plain()


def compare_into(
    first: str | Path,
    second: str | Path,
    request: CompareRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Judged:
    """Compare the bounds of two runs, into FIRST/compared by default: comparison.json, and scores.csv.

    Interrupted, it keeps what is finished, and the same call goes on. Other arguments, and all else that is not said
    here, as of ``sample_into``; see ``Run.compare``.

    Raises:
        DataError: nothing is held out, other samples than those of the other run, or data that cannot be read.
    """
    opened = [
        load(run, device=device, trust_code=trust_code).using(precision=request.precision) for run in (first, second)
    ]
    runs = opened[0], opened[1]
    folder = results_folder(out, runs[0], "compared")
    data = open_data_of_both(runs, request.data, request.source, request.condition, request.condition_source)
    terms = EqualTerms(request.budget, request.steps, request.num, request.seed, request.batch_size)
    compared = Comparison(runs, (data[0], data[1]), terms)
    places = [folder / f"{PARTS}{number}" for number in (1, 2)]
    with ExitStack() as stack:
        results = stack.enter_context(results_in(folder, NAMES))
        say_what_is_replaced(results, say)
        bounds = _measured_in_parts(compared, iter(places), listener)
        judged = Judged(runs, bounds, {})
        written = results.put(
            f"a comparison of {runs[0].name} and {runs[1].name}", lambda place: _write(place, judged, data[0])
        )
        for place in places:
            remove_parts(place)
    return Judged(runs, bounds, written)


def _measured_in_parts(compared: Comparison, places: Iterator[Path], listener: Listener) -> ComparedBounds:
    """Score both, the parts of either in a folder of its own."""
    seed, size = compared.terms.seed, compared.terms.batch_size

    def scored(run: Opened, data: Data, chain: GaussianDiffusion, number: int, terms: Terms | None) -> Tensor:
        if terms is not None:
            place = next(places)
            few = estimate_in_parts(
                run, data, chain, number, terms, place, seed=seed, batch_size=size, listener=listener
            )
            assert few is not None, "this is the only process"
            return few.bits_per_dim
        vlb = vlb_in_parts(
            run, data, chain, number, next(places), ScoreRequest(seed=seed, batch_size=size), listener=listener
        )
        assert vlb is not None, "this is the only process"
        return in_data_units(vlb, run).total_bpd

    return compared.measure(scored)


def _write(folder: Path, judged: Judged, data: Data) -> dict[str, Path]:
    """Write all numbers, and those of each sample."""
    text = json_text(finite(judged.to_plain()), indent=2) + "\n"
    first, second = (torch.from_numpy(values) for values in (judged.bounds.first, judged.bounds.second))
    return {
        "results": write_atomically(folder / RESULTS, text.encode(), durable=True),
        "scores": write_scores(folder, data, {"first": first, "second": second, "difference": first - second}),
    }
