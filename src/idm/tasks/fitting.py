"""Fitting a solver of a few calls to a run, which is kept beside its checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm.core.progress import SILENT, Listener
from idm.run import Run, load
from idm.run.fitting import fit_solver
from idm.run.solver_fit import SolverFit, name_of
from idm.storage.fits import FOLDER


@dataclass(frozen=True, eq=False)
class Fitted:
    """A run that a solver was fitted to.

    Attributes:
        run: the run.
        solver: what was fitted.
        file: where it is kept.
    """

    run: Run
    solver: SolverFit
    file: Path

    def to_plain(self) -> dict[str, Any]:
        """Return levels, weights and errors by name, as ``idm fit-solver --json`` prints them."""
        return {"checkpoint": self.run.name, "calls": self.solver.calls, **self.solver.to_plain()}


def fit_solver_of(
    run: str | Path,
    calls: int = 4,
    *,
    guidance: float = 1.0,
    batch_size: int | None = None,
    precision: str | None = None,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
) -> Fitted:
    """Fit a solver to a run in a folder; all that is not said here as of ``Run.fit_solver``.

    Args:
        run: a run folder or a checkpoint.
        calls: of the network, from 1 to 20.
        guidance: scale of classifier-free guidance.
        batch_size: samples per call of the network, at first.
        precision: number format inside the network; as trained by default.
        device: where to fit; the best one found by default.
        trust_code: import and call what a custom source or network names; see ``load``.
        listener: hears how it gets on.

    Raises:
        CheckpointError: no run there, or a damaged one, or a disk that refuses.
    """
    opened = load(run, device=device, trust_code=trust_code).using(precision=precision)
    found = fit_solver(opened, calls, guidance=guidance, batch_size=batch_size, listener=listener)
    return Fitted(opened, found, opened.folder / FOLDER / f"{name_of(calls)}.json")
