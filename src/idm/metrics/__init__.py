"""What samples and models are compared with: a classifier of real data, histograms of pixels, the data's own spread."""

from idm.metrics.classifier import Classifier
from idm.metrics.frechet import PrincipalComponents, frechet_distance
from idm.metrics.histogram import histogram_bpd

__all__ = ["Classifier", "PrincipalComponents", "frechet_distance", "histogram_bpd"]
