"""The share of samples that a classifier of the training data recognises, as figures."""

from dataclasses import dataclass
from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.metrics.by_sample import BySample, Look
from idm.metrics.classifier import Classifier
from idm.metrics.evidence import Evidence, Labelled, Needs
from idm.metrics.figure import Better, Figure

RECOGNISED, OF_HELD_OUT = "recognised", "recognised_held_out"
"""Names of the figures."""

FORM = ".1%"


@final
@dataclass(frozen=True)
class Recognised(BySample):
    """Whether a classifier that has only seen the training data names the class that each sample was drawn for."""

    needs: ClassVar[Needs] = Needs.SAMPLES | Needs.HELD_OUT | Needs.TRAINING
    sees: ClassVar[str] = "recognised"
    look_needs: ClassVar[Needs] = Needs.TRAINING
    look_reads_extremes: ClassVar[bool] = False

    def look(self, evidence: Evidence) -> Look:
        """Train the classifier, and see whether it names a sample's own class.

        Raises:
            SettingsError: samples or data have no classes.
        """
        training = evidence.training
        if training.y is None:
            raise SettingsError("classifier: data with classes wanted, got some without")
        classifier = Classifier(training.x, training.y)
        return lambda of: _hits(classifier, of)

    def beside(self, evidence: Evidence) -> Labelled:
        """Return held-out data."""
        return evidence.held_out

    def judge(self, rows: Float[Tensor, "n k"], real: Float[Tensor, "m k"], evidence: Evidence) -> list[Figure]:
        """Return the share of samples, and that of held-out data for comparison."""
        of_real = _share(real, OF_HELD_OUT, "the same of held-out data, for comparison")
        return [_share(rows, RECOGNISED, f"of {evidence.about_drawn}"), of_real]


def _hits(classifier: Classifier, seen: Labelled) -> Float[Tensor, "n 1"]:
    if seen.y is None:
        raise SettingsError("classifier: samples with classes wanted, got some without")
    return classifier.correct(seen.x, seen.y)[:, None]


def _share(hits: Tensor, name: str, note: str) -> Figure:
    return Figure.mean_of(name, hits[:, 0], better=Better.HIGHER, form=FORM, note=note)
