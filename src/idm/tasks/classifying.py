"""Training a classifier of noisy data for a run, which is kept beside its checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm.core.progress import SILENT, Listener
from idm.run import Run, load
from idm.run.classifier import NAME, ClassifierFit
from idm.run.classifier_training import BATCH_SIZE, NUM_STEPS, train_classifier
from idm.storage.fits import FOLDER


@dataclass(frozen=True, eq=False)
class Classifying:
    """A run that a classifier was trained for.

    Attributes:
        run: the run.
        classifier: what it is worth.
        file: where it is kept.
    """

    run: Run
    classifier: ClassifierFit
    file: Path

    def to_plain(self) -> dict[str, Any]:
        """Return its figures by name, as ``idm train-classifier --json`` prints them."""
        return {"checkpoint": self.run.name, **self.classifier.to_plain()}


def train_classifier_of(
    run: str | Path,
    steps: int = NUM_STEPS,
    *,
    batch_size: int = BATCH_SIZE,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
) -> Classifying:
    """Train a classifier of noisy data on a run's own labels, and keep it beside the checkpoint.

    Args:
        run: a run folder or a checkpoint.
        steps: optimiser steps.
        batch_size: samples per step.
        device: where to train; the best one found by default.
        trust_code: import and call what a custom source or network names; see ``load``.
        listener: hears how it gets on.

    Raises:
        DataError: the run's data cannot be opened.
        SettingsError: data without labels, or numbers below 1.
        CheckpointError: no run there, or a damaged one, or a disk that refuses.
        NumericalError: losses are not finite.
        InterruptedRunError: stopped on request; the same call goes on.
    """
    opened = load(run, device=device, trust_code=trust_code)
    found = train_classifier(opened, steps=steps, batch_size=batch_size, listener=listener)
    return Classifying(opened, found, opened.folder / FOLDER / f"{NAME}.safetensors")
