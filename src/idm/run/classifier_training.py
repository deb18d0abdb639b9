"""Training a classifier of noisy data on a run's own labels and levels; what is begun is kept, and goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn
from torch.optim import AdamW

from idm.core.counts import whole_number
from idm.core.errors import InterruptedRunError, NumericalError, SettingsError
from idm.core.progress import SILENT, Listener, Progress
from idm.core.rng import Rng, derive_seed
from idm.core.signals import stop_on_signals
from idm.data import batch_indices, with_epochs
from idm.networks import num_parameters
from idm.run.classifier import KIND, NAME, ClassifierFit, TrainedClassifier, new_classifier
from idm.run.classifier_state import ClassifierState, remove_state
from idm.run.data import Data
from idm.run.opened import Opened
from idm.run.own_data import open_run_data
from idm.schedules import spaced
from idm.storage.fits import LARGEST_FIT_BYTES

NUM_STEPS, BATCH_SIZE = 2_000, 128
LEARNING_RATE, WEIGHT_DECAY, WARMUP_STEPS = 1e-3, 0.05, 50
"""Of AdamW, with the weight decay of Dhariwal & Nichol 2021; the rate falls to 0 along the training."""

NUM_LEVELS, MOST_HELD_OUT = 10, 1_024
"""Levels at which held-out data are classified, and how many of them at the most."""

BYTES_PER_PARAMETER = 12
"""Of what is kept of an unfinished training: a weight and two averages, in float32."""

KEPT_EVERY = 500
"""Steps after which an unfinished training is kept, besides when it is stopped."""


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
        SettingsError: data without labels, numbers below 1, a model that no checkpoint holds, or one too large.
        NumericalError: losses are not finite.
        CheckpointError: the disk refuses.
        InterruptedRunError: stopped on request.
    """
    steps, batch_size = whole_number(steps, "steps"), whole_number(batch_size, "batch_size")
    if min(steps, batch_size) < 1:
        raise SettingsError(f"steps and batch_size: at least 1 wanted, got {steps} and {batch_size}")
    if not run.sha256:
        raise SettingsError(f"run {run.folder}: a run with a checkpoint wanted to train a classifier for; load one")
    data, class_names = _labelled(run)
    network = new_classifier(run, len(class_names))
    _require_room(network)
    training = _Training(run, data, TrainedClassifier(network, run.diffusion, class_names), steps, batch_size)
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


@final
@dataclass(frozen=True, eq=False)
class _Training:
    """What is trained, on what, for how long."""

    run: Opened
    data: Data
    classify: TrainedClassifier
    num_steps: int
    batch_size: int

    def go_on(self, wish: Callable[[], bool], listener: Listener) -> None:
        """Train from where an earlier call was stopped, or from the beginning.

        Raises:
            InterruptedRunError: there is a wish to stop; what is done is kept.
            NumericalError: a loss, or a weight that is to be kept, is not finite.
        """
        network, fits = self.classify.network, self.run.fits
        network.train().requires_grad_(True)
        optimizer = AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        state = ClassifierState(network, optimizer, self._about())
        first = state.restore(fits)
        with listener.follow("classifier", self.num_steps, done=first) as bar:
            for step in range(first, self.num_steps):
                wanted = wish()
                if step > first and (wanted or step % KEPT_EVERY == 0):
                    state.keep(fits, step)
                if wanted:
                    raise InterruptedRunError(
                        f"classifier: stopped at step {step:,} of {self.num_steps:,}, kept in {self.run.folder}; "
                        "run the same command to continue"
                    )
                self._step(optimizer, step, bar)
        network.eval().requires_grad_(False)

    def _step(self, optimizer: AdamW, step: int, bar: Progress) -> None:
        """Take a step: data, levels, noise and dropout are functions of the run's seed and its number."""
        seeds = torch.arange(self.batch_size) + (derive_seed(self.run.experiment.seed, "classifier", step) >> 16)
        count = len(self.data.train)
        order = batch_indices(self.run.experiment.seed, step, self.batch_size, count)
        x, y = self.data.train.batch(with_epochs(order, step, count))
        assert y is not None, "there are labels, or nothing is trained"
        levels = (Rng(seeds).uniform("level")[:, 0] * self.run.diffusion.num_timesteps).long()
        logits = self._logits(x, levels, seeds)
        loss = F.cross_entropy(logits, y.to(logits.device))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / WARMUP_STEPS) * (1.0 - step / self.num_steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = float(loss.detach())
        if value != value or value in (float("inf"), float("-inf")):
            raise NumericalError(f"classifier: the loss of step {step + 1:,} is not finite; look at the data")
        bar.advance(status=f"loss {value:.3f}")

    def _logits(self, x: Tensor, places: Tensor, seeds: Tensor) -> Tensor:
        """Add noise to data, and classify them."""
        device = self.run.device
        x, seeds = x.to(device), seeds.to(device)
        at = self.run.diffusion.grid.level(places.to(device), x)
        noisy = at.diffuse(x, Rng(seeds).normal("noise", 0, x.shape[1:]))
        return self.classify.logits(noisy, at, dropout_seeds=seeds)

    def judge(self, listener: Listener) -> ClassifierFit:
        """Classify held-out data at levels evenly by their number, with the same noise at each."""
        grid, (x, y) = self.run.diffusion.grid, self.data.held_out.first(MOST_HELD_OUT)
        names = self.classify.class_names
        if y is None or len(x) == 0:
            return ClassifierFit(self.num_steps, names, (), (), 0.0, 0)
        places = sorted(spaced(grid.num_timesteps, min(NUM_LEVELS, grid.num_timesteps)))
        accuracies: list[float] = []
        with torch.no_grad(), listener.follow("judging", len(places), unit="levels") as bar:
            for place in places:
                hits = 0
                for rows in torch.arange(len(x)).split(self.batch_size):
                    logits = self._logits(x[rows], torch.full_like(rows, place), rows)
                    hits += int((logits.argmax(1).cpu() == y[rows]).sum())
                accuracies.append(hits / len(x))
                bar.advance()
        kappas, chance = tuple(grid.levels.kappa[places].tolist()), float(torch.bincount(y).max()) / len(x)
        return ClassifierFit(self.num_steps, names, kappas, tuple(accuracies), chance, len(x))

    def _about(self) -> dict[str, Any]:
        names = list(self.classify.class_names)
        return {"num_steps": self.num_steps, "batch_size": self.batch_size, "class_names": names}
