"""What samples and models are worth: metrics, each of which says what it found in figures.

A new metric is a file and a line in ``METRICS``.
"""

from idm.core.registry import Registry
from idm.metrics.base import Metric
from idm.metrics.bound import Bound
from idm.metrics.classifier import Classifier
from idm.metrics.evidence import BoundParts, Evidence, Labelled, Needs, Setup
from idm.metrics.features import FEATURES, FeatureExtractor, PrincipalComponents, RandomConvolutions, Values
from idm.metrics.figure import Better, Figure, Null
from idm.metrics.frechet import frechet_distance
from idm.metrics.histogram import histogram_bpd
from idm.metrics.own import OwnMetric
from idm.metrics.recognition import Recognised
from idm.metrics.sliced import sliced_wasserstein

METRICS: Registry[Metric] = Registry("metrics", {"bound": Bound, "classifier": Recognised})


def find_metric(name: str) -> Metric:
    """Make the metric of a name, or of ``module:callable``, whose module is imported and run.

    Args:
        name: as whoever asks for it wrote it; no file names metrics.

    Raises:
        SettingsError: there is none of that name.
        DataError: there is no such code.
    """
    return OwnMetric.named(name) if ":" in name else METRICS.build(name, {})


__all__ = [
    "FEATURES",
    "METRICS",
    "Better",
    "Bound",
    "BoundParts",
    "Classifier",
    "Evidence",
    "FeatureExtractor",
    "Figure",
    "Labelled",
    "Metric",
    "Needs",
    "Null",
    "OwnMetric",
    "PrincipalComponents",
    "RandomConvolutions",
    "Recognised",
    "Setup",
    "Values",
    "find_metric",
    "frechet_distance",
    "histogram_bpd",
    "sliced_wasserstein",
]
