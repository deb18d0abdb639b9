"""Training a classifier of noisy data on a run's own labels and levels; what is begun is kept, and goes on."""

from torch import nn

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.signals import stop_on_signals
from idm.networks import num_parameters
from idm.run.classifier import KIND, NAME, ClassifierFit, TrainedClassifier, new_classifier
from idm.run.classifier_state import remove_state
from idm.run.classifier_steps import ClassifierTraining
from idm.run.data import Data
from idm.run.opened import Opened
from idm.run.own_data import open_run_data
from idm.storage.fits import LARGEST_FIT_BYTES

NUM_STEPS, BATCH_SIZE = 2_000, 128
BYTES_PER_PARAMETER = 12
"""Bytes that an unfinished training keeps for each parameter: a weight and two averages, in float32."""


def train_classifier(
    run: Opened, *, steps: int = NUM_STEPS, batch_size: int = BATCH_SIZE, listener: Listener = SILENT
) -> ClassifierFit:
    """Train a classifier of noisy data, and keep it beside the checkpoint.

    It is half of a U-Net like the run's, and a head; for points an MLP. Data are noised to the levels of the run's
    process, all equally often. Stopped by a signal it keeps what is done, and the same call goes on and ends with the
    same classifier.

    Args:
        run: the trained model.
        steps: optimiser steps.
        batch_size: samples per step.
        listener: hears how it gets on.

    Raises:
        DataError: the run's data cannot be opened.
        SettingsError: a run that is told numbers or conditions, data without labels, numbers below 1, a model that no
            checkpoint holds, or one too large.
        NumericalError: losses are not finite.
        CheckpointError: the disk refuses.
        InterruptedRunError: stopped on request.
    """
    steps, batch_size = whole_number(steps, "steps"), whole_number(batch_size, "batch_size")
    if min(steps, batch_size) < 1:
        raise SettingsError(f"steps and batch_size: at least 1 wanted, got {steps} and {batch_size}")
    if not run.sha256:
        raise SettingsError(f"run {run.folder}: a run with a checkpoint wanted to train a classifier for; load one")
    run.require_classes_alone("classifier")
    data, class_names = _labelled(run)
    network = new_classifier(run, len(class_names))
    _require_room(network)
    training = ClassifierTraining(run, data, TrainedClassifier(network, run.diffusion, class_names), steps, batch_size)
    with stop_on_signals("keeping the classifier so far") as stop:
        training.go_on(lambda: stop.received, listener)
    found = training.judge(listener)
    run.fits.write(NAME, KIND, found.to_plain(), network.state_dict(), data=data.spec.fingerprint)
    remove_state(run.fits)
    return found


def _labelled(run: Opened) -> tuple[Data, tuple[str, ...]]:
    """Open the run's data with their labels, whether or not its network is told them.

    Raises:
        DataError: they cannot be opened.
        SettingsError: they have no labels, or a single class.
    """
    data = open_run_data(run)
    labels, names = data.train.source.labels, data.train.source.class_names
    if labels is None or names is None or len(names) < 2:
        raise SettingsError(
            f"run {run.folder}: data of two classes or more wanted for a classifier, those of this run have "
            f"{'no labels' if labels is None else 'one class'}; autoguidance=1.5 guides without any"
        )
    return Data(data.train.with_labels(labels), data.held_out.with_labels(labels), data.spec), names


def _require_room(network: nn.Module) -> None:
    """Refuse a network of which an unfinished training would be larger than what is read again.

    Raises:
        SettingsError: as said.
    """
    most, count = LARGEST_FIT_BYTES // BYTES_PER_PARAMETER - 2**20, num_parameters(network)
    if count > most:
        raise SettingsError(
            f"network: a classifier of at most {most:,} parameters wanted, got one of {count:,}; "
            "guide with one of your own, classifier=MODULE:NAME"
        )
