"""Deviations of results from those that they should be: a wrong network is no contestant."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from idm.core.errors import NumericalError

FORWARD_TOLERANCE, LOSS_TOLERANCE = 1e-5, 1e-6
"""Largest deviations of outputs and losses in float32."""


@dataclass(frozen=True)
class Check:
    """A deviation and the largest that is allowed.

    Attributes:
        name: what was compared.
        value: relative deviation.
        limit: the largest allowed.
    """

    name: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the deviation is small enough; one that is no number is not."""
        return self.value <= self.limit

    def __str__(self) -> str:
        """Write what was compared, what came and what is allowed."""
        return f"{self.name}: {self.value:.1e}, at most {self.limit:.0e} allowed"


def require(checks: Sequence[Check]) -> None:
    """Go on only if all checks passed.

    Raises:
        NumericalError: a line for each that did not.
    """
    failed = [f"bench: {check}; no speed is reported for wrong results" for check in checks if not check.passed]
    if failed:
        raise NumericalError(*failed)


def largest(found: Tensor, wanted: Tensor) -> float:
    """Largest deviation, relative to the largest value; taken on the host."""
    exact = wanted.double().cpu()
    return float((found.double().cpu() - exact).abs().max() / exact.abs().max())


def rms(found: Tensor, wanted: Tensor) -> float:
    """Root mean square of the deviations, relative to that of the values; taken on the host."""
    exact = wanted.double().cpu()
    return float((found.double().cpu() - exact).norm() / exact.norm())
