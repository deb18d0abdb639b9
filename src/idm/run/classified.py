"""A trained model that learns to name the class of noisy data."""

from dataclasses import dataclass

from idm.core.notebook import listener_or_quiet
from idm.core.progress import Listener
from idm.run.classifier import ClassifierFit
from idm.run.classifier_training import BATCH_SIZE, NUM_STEPS, train_classifier
from idm.run.editable import Editable


@dataclass(frozen=True, eq=False, repr=False)
class Classified(Editable):
    """The part of a ``Run`` that trains a classifier."""

    def train_classifier(
        self, steps: int = NUM_STEPS, *, batch_size: int = BATCH_SIZE, listener: Listener | None = None
    ) -> ClassifierFit:
        """Train a classifier of noisy data on the run's own labels, and keep it beside the checkpoint.

        ``run.guided(classifier_scale=1.0)`` is then guided by it, whether or not the network knows classes.

        Args:
            steps: optimiser steps.
            batch_size: samples per step.
            listener: as in ``sample``.

        Raises:
            DataError: the run's data cannot be opened.
            SettingsError: data without labels, or numbers below 1.
            NumericalError: losses are not finite.
            CheckpointError: the disk refuses.
            InterruptedRunError: stopped on request; the same call goes on.
        """
        return train_classifier(self, steps=steps, batch_size=batch_size, listener=listener_or_quiet(listener))
