"""The proof of the samplers: the order of each, and that of mean and covariance of those that draw noise."""

from collections.abc import Iterator

from idm.core.progress import SILENT, Listener
from idm.proof.flows import GaussianFlow, MixtureFlow
from idm.proof.measured import Measured
from idm.proof.orders import RATIOS, measured_order
from idm.proof.proof import Proof
from idm.proof.solvers import DETERMINISTIC, STOCHASTIC
from idm.proof.weak import measured_weak_order


def check_samplers(*, quick: bool = False, listener: Listener = SILENT) -> Proof[Measured]:
    """Measure every order.

    Args:
        quick: on Gaussian data and one grid alone, which takes seconds.
        listener: hears how it gets on.
    """
    flows = (GaussianFlow(),) if quick else (GaussianFlow(), MixtureFlow())
    grids, starts = ("rho",) if quick else tuple(RATIOS), (True,) if quick else (True, False)

    def measured() -> Iterator[Measured]:
        for flow in flows:
            for exact in starts:
                for grid in grids:
                    yield from (measured_order(solver, flow, grid, exact=exact) for solver in DETERMINISTIC)
        for grid in grids:
            yield from (measured_weak_order(solver, flows[0], grid) for solver in STOCHASTIC)

    number = len(grids) * (len(flows) * len(starts) * len(DETERMINISTIC) + len(STOCHASTIC))
    found: list[Measured] = []
    with listener.follow("measuring", number, unit="orders") as bar:
        for one in measured():
            found.append(one)
            bar.advance()
    spread = max(one.spread for one in found)
    note = f"with other predictions, and on the straight path, all end within {spread:.0e} of the same"
    return Proof("samplers", tuple(found), note=note)
