"""The flow by a reversible solver of second order (Rex: Blasingame & Liu 2026)."""

from dataclasses import dataclass
from typing import final

from idm.editing.reversible import ReversibleInversion


@final
@dataclass(frozen=True)
class RexInversion(ReversibleInversion):
    """Reversible exponential Heun solver of the flow: exact, of second order, four calls a step.

    What is coupled is x itself. Coupled as x / sigma, as in the paper, what y and z differ by where data are shown as
    the least noisy level grows as sigma does, and codes come to lie far from the flow.
    """

    @property
    def noise_share(self) -> float:
        """None."""
        return 0.0

    def carried(self, keep: float) -> float:
        """A sample that nothing is added to stays as it is."""
        return 1.0
