"""The likelihood of held-out data by the probability flow, as a figure."""

from dataclasses import dataclass
from typing import ClassVar, final

from idm.metrics.base import Metric
from idm.metrics.bound import FORM, UNIT
from idm.metrics.evidence import Evidence, Needs
from idm.metrics.figure import Figure


@final
@dataclass(frozen=True)
class Flow(Metric):
    """How well the deterministic flow of the model predicts data that it has not seen: -log2 p / d.

    Of quantised data it is an upper bound, by noise in their bins. It is of another model than the bound of ancestral
    sampling is, and may lie on either side of it.
    """

    needs: ClassVar[Needs] = Needs.FLOW

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Return its mean."""
        flow = evidence.flow
        return [Figure.mean_of("flow", flow.bits_per_dim, unit=UNIT, form=FORM, note=flow.about)]
