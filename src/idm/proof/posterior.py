"""The proof of restoration: draws of every method beside the exact posterior, which theory says some of them have."""

from collections.abc import Sequence
from statistics import fmean

from idm.core.progress import SILENT, Listener
from idm.proof.cases import Case, process
from idm.proof.known import FieldData, GaussianData, Known, MixtureData, PlaneData, WalkData
from idm.proof.proof import Proof
from idm.proof.restored import Restored, compared
from idm.proof.restorers import RESTORERS, STEPS

QUICK_VIEWS, QUICK_CASES, QUICK_DRAWS = ("mask", "fourier"), 4, 99


def check_posterior(*, quick: bool = False, listener: Listener = SILENT) -> Proof[Restored]:
    """Compare draws of every method with exact ones.

    Args:
        quick: on Gaussian data and two operators alone, which takes seconds.
        listener: hears how it gets on.
    """
    known: list[Known] = [GaussianData()]
    known += [] if quick else [FieldData(), MixtureData(), PlaneData(), WalkData()]
    cases = [case for data in known for case in cases_of(data, quick=quick)]
    asked = [
        (restorer, case)
        for case in cases
        for restorer in RESTORERS
        if isinstance(case.data, restorer.data) and isinstance(case.view.operator, restorer.make(1.0).takes)
    ]
    processes = {data.name: process(data, STEPS) for data in known}
    found: list[Restored] = []
    with listener.follow("posteriors", len(asked), unit="rows") as bar:
        for restorer, case in asked:
            method, sampler = restorer.make(case.data.deviation), restorer.sampler(processes[case.data.name])
            draws = case.restored(method, sampler)
            found.append(compared(restorer.name, case, draws, is_exact=isinstance(case.data, restorer.exact)))
            bar.advance(status=f"{case.data.name}, {case.name}: {restorer.name}")
    return Proof("posterior", tuple(found), summary_of(found))


def cases_of(data: Known, *, quick: bool) -> list[Case]:
    """Return what is observed of data in each of their views."""
    names = QUICK_VIEWS if quick else tuple(data.views)
    num_cases, num_draws = (QUICK_CASES, QUICK_DRAWS) if quick else (data.num_cases, data.num_draws)
    return [Case(data, name, data.views[name], num_cases, num_draws) for name in names]


def summary_of(measured: Sequence[Restored]) -> tuple[tuple[str, ...], ...]:
    """Return a row for each method: of all data how far above the floor it is, what 90 % regions hold, and a remark.

    Means over the views of data; for each of them "distance, share held".
    """
    data = tuple(dict.fromkeys(one.data for one in measured))

    def cell(of_it: Sequence[Restored]) -> str:
        held = [one.held for one in of_it if one.held is not None]
        return f"{fmean(one.distance - one.floor for one in of_it):+.3f}, {100 * fmean(held):.1f}" if held else "-"

    rows: list[tuple[str, ...]] = [("method", "calls", "backward", *data, "what it gets wrong")]
    for restorer in RESTORERS:
        of_it = [one for one in measured if one.method == restorer.name]
        if of_it:
            cells = [cell([one for one in of_it if one.data == name]) for name in data]
            costs = (fmean(one.calls for one in of_it), fmean(one.backward for one in of_it))
            rows.append((restorer.name, *(f"{cost:,.0f}" for cost in costs), *cells, restorer.remark))
    return tuple(rows)
