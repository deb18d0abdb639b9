"""Guidance: denoisers around denoisers."""

from idm.guidance.classifier_free import ClassifierFreeGuidance

__all__ = ["ClassifierFreeGuidance"]
