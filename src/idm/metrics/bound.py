"""The variational bound of held-out data, as figures."""

from dataclasses import dataclass
from typing import ClassVar, final

from idm.metrics.base import Metric
from idm.metrics.evidence import Evidence, Needs
from idm.metrics.figure import Figure

UNIT, FORM = "bits/dim", ".4f"


@final
@dataclass(frozen=True)
class Bound(Metric):
    """How well the model predicts data that it has not seen: an upper bound of -log2 p(x_0) / d, and its parts."""

    needs: ClassVar[Needs] = Needs.HELD_OUT | Needs.BOUND

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Return the total and its parts; where histograms of each value are known, theirs for comparison."""
        bound = evidence.bound
        rows = {
            "total": (bound.total, bound.about),
            "prior": (bound.prior, "left of the data after all noise was added"),
            "steps": (bound.steps, "all reverse steps but the last"),
            "decoder": (bound.decoder, "the last step, to exact values"),
        }
        found = [Figure.mean_of(name, values, unit=UNIT, form=FORM, note=note) for name, (values, note) in rows.items()]
        if bound.histogram is not None:
            note = "for comparison: histograms of each value, by class, with 1/2 added to every count"
            mean, error = bound.histogram.mean, bound.histogram.standard_error
            found.append(Figure("histogram", mean, error, unit=UNIT, form=FORM, note=note))
        return found
