"""What samples and models are compared with: a classifier, histograms of pixels, the data's spread, other samples."""

from idm.metrics.classifier import Classifier
from idm.metrics.frechet import PrincipalComponents, frechet_distance
from idm.metrics.histogram import histogram_bpd
from idm.metrics.sliced import sliced_wasserstein

__all__ = ["Classifier", "PrincipalComponents", "frechet_distance", "histogram_bpd", "sliced_wasserstein"]
