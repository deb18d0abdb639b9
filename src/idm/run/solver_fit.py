"""A multistep solver fitted to one checkpoint: kept beside it, and read again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from idm.core.errors import CheckpointError, SettingsError
from idm.core.phrasing import Call
from idm.core.text import shown
from idm.diffusion import GaussianDiffusion
from idm.run.guide import Guide
from idm.samplers import Sampler, SamplerFitted, StepWeights
from idm.samplers.fitted import MOST_VALUES
from idm.schedules import Grid
from idm.storage import Fit, Fits

KIND = "solver"
FITTED_SAMPLER = "fitted"
"""The name of the sampler."""

PREFIX = "solver-"
"""What solvers are kept as, before the number of their calls."""

MOST_CALLS = 20
"""Most calls of the network that a solver is fitted for: with more, the rules of the field leave nothing."""

ROUNDING = 1e-6
"""By how much the logarithm of a level may lie beyond the ends of its run's."""

LARGEST_WEIGHT = 1e6
"""What is larger is no weight of a solver."""

OF_STEP, NUMBERS = {"keep", "values"}, ("guidance", "error", "error_of_multistep")


@final
@dataclass(frozen=True)
class SolverFit:
    """A solver of a few calls, fitted to where the network's own walks lead in many.

    Attributes:
        kappas: noise-to-signal ratios of its levels, growing.
        weights: of the step from each of them.
        guidance: scale of the guidance that it was fitted under.
        error: root mean square distance of its samples from where walks end that it was not fitted to.
        error_of_multistep: the same of ``multistep`` in as many calls, on log-SNR levels.
        num_walks: how many walks it was fitted to.
    """

    kappas: tuple[float, ...]
    weights: tuple[StepWeights, ...]
    guidance: float
    error: float
    error_of_multistep: float
    num_walks: int

    @property
    def calls(self) -> int:
        """Calls of the network."""
        return len(self.kappas)

    def sampler(self, process: GaussianDiffusion, *, bounded: bool) -> SamplerFitted:
        """Return the sampler on its levels; x_0 is clipped where data are ``bounded``."""
        grid = process.grid.of_ratios(np.array(self.kappas))
        return SamplerFitted(process.on(grid), bounded, weights=self.weights, guidance=self.guidance)

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        weights = [{"keep": step.keep, "values": list(step.values)} for step in self.weights]
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return {"kappas": list(self.kappas), "weights": weights, **numbers, "num_walks": self.num_walks}

    @classmethod
    def from_plain(cls, plain: Any, calls: int, whole: Grid) -> "SolverFit":
        """Restore what ``to_plain`` returned, of a solver of that number of calls, from what may be anybody's.

        Raises:
            LookupError, TypeError, ValueError: something else, or a solver for other levels than those of ``whole``.
        """
        kappas, steps, num = (plain[name] for name in ("kappas", "weights", "num_walks"))
        if not (isinstance(kappas, list) and isinstance(steps, list) and len(kappas) == len(steps) == calls):
            raise ValueError(f"levels and weights of {calls} steps wanted")
        guidance, error, usual = (_number(plain[name]) for name in NUMBERS)
        lowest, highest = np.log(whole.levels.kappa.numpy()[[0, -1]]).tolist()
        logs = np.log([_positive(kappa) for kappa in kappas])
        if not (lowest - ROUNDING <= logs[0] and logs[-1] <= highest + ROUNDING and (np.diff(logs) > 0).all()):
            raise ValueError("growing levels within those of the run wanted")
        if type(num) is not int or num < 1:
            raise ValueError("a number of walks wanted")
        weights = tuple(_weights(step, min(calls - i, MOST_VALUES)) for i, step in enumerate(steps))
        return cls(tuple(kappas), weights, guidance, error, usual, num)

    def keep(self, fits: Fits) -> None:
        """Keep it beside the checkpoint, in the place of an earlier one of as many calls.

        Raises:
            SettingsError: a model that no checkpoint holds.
            CheckpointError: the disk refuses.
        """
        fits.write(name_of(self.calls), KIND, self.to_plain())


def stored_solver(fits: Fits, calls: int, whole: Grid) -> SolverFit:
    """Read the solver of that number of calls.

    Args:
        fits: what was found out about a checkpoint.
        calls: of the network.
        whole: all levels of the run.

    Raises:
        SettingsError: none was fitted.
        CheckpointError: it is that of another checkpoint, or damaged.
    """
    name, way = name_of(calls), f"fit it with {way_to_fit(fits.run_folder, calls)}"
    found: Fit = fits.read(name, KIND, way)
    try:
        return SolverFit.from_plain(found.content, calls, whole)
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{name}: a solver for this run wanted, got another ({error}); {way}") from error


def fitted_sampler(
    fits: Fits, process: GaussianDiffusion, settings: Mapping[str, Any], *, bounded: bool
) -> SamplerFitted:
    """Return the sampler that was fitted for as many steps as settings say.

    Args:
        fits: what was found out about a checkpoint.
        process: of the run, on all of its levels.
        settings: of the sampler; besides its name they say the number of steps alone.
        bounded: whether x_0 is clipped.

    Raises:
        SettingsError: none was fitted, or other settings.
        CheckpointError: it is that of another checkpoint, or damaged.
    """
    if others := sorted(settings.keys() - {"name", "steps"}):
        raise SettingsError(
            f"sampler: steps alone wanted beside name={FITTED_SAMPLER}, whose levels and weights are known, "
            f"got {', '.join(others)}; leave out all but steps"
        )
    steps = settings.get("steps")
    if type(steps) is not int or not 1 <= steps <= MOST_CALLS:
        ways = [name.removeprefix(PREFIX) for name in fits.names() if name.startswith(PREFIX)]
        way = f"choose from {', '.join(ways)}" if ways else f"fit one with {way_to_fit(fits.run_folder, 4)}"
        got = "none" if steps is None else shown(steps)
        raise SettingsError(f"steps: a number that a solver was fitted for wanted, got {got}; {way}")
    return stored_solver(fits, steps, process.grid).sampler(process, bounded=bounded)


def refuse_other_guidance(run_folder: Path, sampler: Sampler, guide: Guide) -> None:
    """Refuse other guidance than a solver was fitted under, by a ``SettingsError``."""
    if not isinstance(sampler, SamplerFitted):
        return
    if not guide.is_plain:
        raise SettingsError(
            f"guidance: that by a scale alone wanted of a fitted solver, got {guide}; choose another sampler"
        )
    guidance = guide.scale
    if sampler.guidance != guidance:
        calls = sampler.diffusion.num_timesteps
        raise SettingsError(
            f"guidance: {sampler.guidance:g} wanted, which this solver was fitted under, got {guidance:g}; "
            f"fit another with {way_to_fit(run_folder, calls, guidance)}"
        )


def name_of(calls: int) -> str:
    """Return the name that the solver of that number of calls is kept under."""
    return f"{PREFIX}{calls}"


def way_to_fit(run_folder: Path, calls: int, guidance: float = 1.0) -> Call:
    """Return the call that fits one."""
    scale = None if guidance == 1.0 else guidance
    more = "" if scale is None else f", guidance={scale:g}"
    return Call(f"run.fit_solver({calls}{more})", ("fit-solver", run_folder), {"calls": calls, "guidance": scale})


def _weights(plain: Any, known: int) -> StepWeights:
    """Read the weights of a step that sees that number of values, and counts at least one."""
    if not (isinstance(plain, dict) and plain.keys() == OF_STEP and isinstance(plain["values"], list)):
        raise ValueError("weights of steps wanted")
    if not 1 <= len(plain["values"]) <= known:
        raise ValueError(f"weights of at most {known} values wanted")
    keep, *values = (_number(number) for number in (plain["keep"], *plain["values"]))
    return StepWeights(keep, tuple(values))


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) <= LARGEST_WEIGHT:
        raise ValueError("numbers wanted")
    return float(value)


def _positive(value: Any) -> float:
    if type(value) is not float or not 0.0 < value < math.inf:
        raise ValueError("noise-to-signal ratios wanted")
    return value
