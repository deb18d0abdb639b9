"""The variational bound of held-out data in continuous time, as a figure."""

from dataclasses import dataclass
from typing import ClassVar, final

from idm.metrics.base import Metric
from idm.metrics.bound import FORM, UNIT
from idm.metrics.evidence import Evidence, Needs
from idm.metrics.figure import Figure


@final
@dataclass(frozen=True)
class Continuous(Metric):
    """How well the model predicts data that it has not seen, by ancestral sampling in infinitely many steps.

    An upper bound of -log2 p(x_0) / d, as that of a chain is. The bounds of ever longer chains with the posterior
    variance come down to it (Kingma et al. 2021).
    """

    needs: ClassVar[Needs] = Needs.CONTINUOUS

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Return its mean."""
        bound = evidence.continuous
        return [Figure.mean_of("continuous", bound.total, unit=UNIT, form=FORM, note=bound.about)]
