"""The share of samples that a classifier of the training data recognises, as figures."""

from dataclasses import dataclass
from typing import ClassVar, final

from idm.core.errors import SettingsError
from idm.metrics.base import Metric
from idm.metrics.classifier import Classifier
from idm.metrics.evidence import Evidence, Labelled, Needs
from idm.metrics.figure import Better, Figure

RECOGNISED, OF_HELD_OUT = "recognised", "recognised_held_out"
"""Names of the figures."""

FORM = ".1%"


@final
@dataclass(frozen=True)
class Recognised(Metric):
    """Whether a classifier that has only seen the training data names the class that each sample was drawn for."""

    needs: ClassVar[Needs] = Needs.SAMPLES | Needs.HELD_OUT | Needs.TRAINING

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Return the share of samples, and that of held-out data for comparison.

        Raises:
            SettingsError: samples or data have no classes.
        """
        training = evidence.training
        if training.y is None:
            raise SettingsError("classifier: data with classes wanted, got some without")
        classifier = Classifier(training.x, training.y)
        real = _share(classifier, evidence.held_out, OF_HELD_OUT, "the same of held-out data, for comparison")
        return [_share(classifier, evidence.samples, RECOGNISED, f"of {evidence.about_drawn}"), real]


def _share(classifier: Classifier, seen: Labelled, name: str, note: str) -> Figure:
    if seen.y is None:
        raise SettingsError("classifier: samples with classes wanted, got some without")
    hits = classifier.correct(seen.x, seen.y)
    return Figure.mean_of(name, hits, better=Better.HIGHER, form=FORM, note=note)
