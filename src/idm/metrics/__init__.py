"""What samples and models are worth: metrics, each of which says what it found in figures.

A new metric is a file and a line in ``METRICS``.
"""

from idm.core.registry import Registry
from idm.metrics.base import Metric
from idm.metrics.bound import Bound
from idm.metrics.by_sample import BySample, Look
from idm.metrics.classifier import Classifier
from idm.metrics.comparison import Comparison, Kind
from idm.metrics.continuous import Continuous
from idm.metrics.evidence import BoundParts, Evidence, FlowScores, Labelled, LevelScores, Moments, Needs, Setup
from idm.metrics.features import FEATURES, FeatureExtractor, PrincipalComponents, RandomConvolutions, Values
from idm.metrics.figure import Better, Figure, Null
from idm.metrics.flow import Flow
from idm.metrics.frechet import Frechet, frechet_distance
from idm.metrics.histogram import Histograms, histogram_bpd
from idm.metrics.kernel import KernelDistance, kernel_distance
from idm.metrics.levels import Levels
from idm.metrics.manifolds import DensityCoverage, Diversity, PrecisionRecall
from idm.metrics.measuring import by_sight, measure_all, measure_seen, reads_features, seen
from idm.metrics.memorisation import Memorisation
from idm.metrics.modes import Modes
from idm.metrics.moments import moments_of
from idm.metrics.own import OwnMetric
from idm.metrics.p_values import worse_than_chance
from idm.metrics.recognition import Recognised
from idm.metrics.reference import Identity, Reference
from idm.metrics.reference_file import read_reference
from idm.metrics.sliced import SlicedWasserstein, sliced_wasserstein
from idm.metrics.spectrum import Spectrum, radial_power
from idm.metrics.two_sample import TwoSample
from idm.metrics.value_histograms import ValueHistograms

METRICS: Registry[Metric] = Registry(
    "metrics",
    {
        "bound": Bound,
        "continuous": Continuous,
        "flow": Flow,
        "levels": Levels,
        "classifier": Recognised,
        "frechet": Frechet,
        "kid": KernelDistance,
        "precision_recall": PrecisionRecall,
        "density_coverage": DensityCoverage,
        "diversity": Diversity,
        "modes": Modes,
        "two_sample": TwoSample,
        "sliced_wasserstein": SlicedWasserstein,
        "spectrum": Spectrum,
        "values": ValueHistograms,
        "memorisation": Memorisation,
    },
)


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
    "BySample",
    "Classifier",
    "Comparison",
    "Continuous",
    "DensityCoverage",
    "Diversity",
    "Evidence",
    "FeatureExtractor",
    "Figure",
    "Flow",
    "FlowScores",
    "Frechet",
    "Histograms",
    "Identity",
    "KernelDistance",
    "Kind",
    "Labelled",
    "LevelScores",
    "Levels",
    "Look",
    "Memorisation",
    "Metric",
    "Modes",
    "Moments",
    "Needs",
    "Null",
    "OwnMetric",
    "PrecisionRecall",
    "PrincipalComponents",
    "RandomConvolutions",
    "Recognised",
    "Reference",
    "Setup",
    "SlicedWasserstein",
    "Spectrum",
    "TwoSample",
    "ValueHistograms",
    "Values",
    "by_sight",
    "find_metric",
    "frechet_distance",
    "histogram_bpd",
    "kernel_distance",
    "measure_all",
    "measure_seen",
    "moments_of",
    "radial_power",
    "read_reference",
    "reads_features",
    "seen",
    "sliced_wasserstein",
    "worse_than_chance",
]
