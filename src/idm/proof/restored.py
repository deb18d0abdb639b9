"""How far the draws of a method are from the exact posterior."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from idm.metrics import sliced_wasserstein
from idm.proof.cases import Case, Draws
from idm.proof.proof import Finding
from idm.restoration.coverage import LEVELS, MAIN_LEVEL, held_in, least_draws

NEAR_DISTANCE = 0.02
"""Sliced distance above its floor that is still the exact posterior."""

LEAST_HELD, MOST_HELD = 0.87, 0.93
"""Shares of truths that regions of 90 % of an exact method hold."""


@dataclass(frozen=True)
class Restored(Finding):
    """What a method made of observations.

    Attributes:
        method: with its options.
        data: of which distribution.
        view: what was observed of them.
        is_exact: whether theory says that draws are from the posterior.
        calls: of the denoiser, for each draw.
        backward: products with its derivative, for each draw.
        distance: sliced Wasserstein distance to as many exact draws; mean over observations.
        floor: that of two sets of exact draws.
        coverage: shares of the exact posterior in central regions of 50, 90 and 99 % of single values; None where there
            are too few draws.
        mean_error: distance of the mean of the draws from that of the posterior, in standard deviations of the
            posterior; root mean square over observations and values.
        mean_floor: that of exact draws.
    """

    headings: ClassVar[tuple[str, ...]] = (
        "method",
        "data",
        "observed",
        "calls",
        "backward",
        "distance",
        "floor",
        *(f"in {100 * level:.0f} %" for level in LEVELS),
        "mean off by",
        "floor",
        "exact",
    )

    method: str
    data: str
    view: str
    is_exact: bool
    calls: float
    backward: float
    distance: float
    floor: float
    coverage: tuple[float | None, ...]
    mean_error: float
    mean_floor: float

    @property
    def is_claimed(self) -> bool:
        """Whether theory says anything."""
        return self.is_exact

    @property
    def holds(self) -> bool:
        """Whether it is as theory says."""
        return not self.is_exact or self.is_near

    @property
    def held(self) -> float | None:
        """What regions of 90 % hold."""
        return self.coverage[LEVELS.index(MAIN_LEVEL)]

    @property
    def is_near(self) -> bool:
        """Whether nothing tells the draws from exact ones: distance, and regions of 90 %."""
        return (
            self.distance <= self.floor + NEAR_DISTANCE
            and self.held is not None
            and LEAST_HELD <= self.held <= MOST_HELD
        )

    @property
    def row(self) -> tuple[str, ...]:
        """The row of a table."""
        held = ["-" if share is None else f"{100 * share:.1f}" for share in self.coverage]
        exact = ("yes" if self.is_near else "NO") if self.is_exact else "-"
        return (
            self.method,
            self.data,
            self.view,
            f"{self.calls:,.0f}",
            f"{self.backward:,.0f}",
            f"{self.distance:.3f}",
            f"{self.floor:.3f}",
            *held,
            f"{self.mean_error:.2f}",
            f"{self.mean_floor:.2f}",
            exact,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self) | {"coverage": list(self.coverage), "holds": self.holds}


def compared(method: str, case: Case, draws: Draws, *, is_exact: bool) -> Restored:
    """Compare draws with exact ones, and these with others."""
    floors = _measured(case, case.exact_again)
    distance, coverage, mean_error = _measured(case, draws.samples)
    return Restored(
        method,
        case.data.name,
        case.name,
        is_exact,
        draws.calls,
        draws.backward,
        distance,
        floors[0],
        coverage,
        mean_error,
        floors[2],
    )


def _measured(case: Case, samples: Tensor) -> tuple[float, tuple[float | None, ...], float]:
    """Distance, coverage and error of the mean."""
    distance = sliced_wasserstein(samples, case.exact).mean()
    number, exact = samples.shape[1], case.exact
    # Exact draws are as good as truths: their ranks among the samples, value by value [n, d, k].
    ranks = torch.searchsorted(samples.mT.sort(-1).values.contiguous(), exact.mT.contiguous())
    held = tuple(
        float(held_in(ranks, number, level).mean()) if number >= least_draws(level) else None for level in LEVELS
    )
    missed = (samples.mean(1) - case.mean).square().mean() / exact.var(1).mean()
    return float(distance), held, float(missed.sqrt())
