"""What samples and models are compared with: a classifier of real data, and histograms of pixels."""

from idm.metrics.classifier import Classifier
from idm.metrics.histogram import histogram_bpd

__all__ = ["Classifier", "histogram_bpd"]
