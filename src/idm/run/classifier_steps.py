"""The steps of training a classifier of noisy data, and what it is worth at the end."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor
from torch.optim import AdamW

from idm.core.errors import InterruptedRunError, NumericalError
from idm.core.progress import Listener
from idm.core.rng import Rng, derive_seed
from idm.data import batch_indices, with_epochs
from idm.run.classifier import ClassifierFit, TrainedClassifier
from idm.run.classifier_state import ClassifierState
from idm.run.data import Data
from idm.run.opened import Opened
from idm.schedules import spaced

LEARNING_RATE, WEIGHT_DECAY, WARMUP_STEPS = 1e-3, 0.05, 50
"""Options of AdamW, with the weight decay of Dhariwal & Nichol 2021; the rate falls to 0 along the training."""

NUM_LEVELS, MOST_HELD_OUT = 10, 1_024
"""Levels at which held-out data are classified, and most samples of these data."""

KEPT_EVERY = 500
"""Steps after which an unfinished training is kept, besides when it is stopped."""


READ_EVERY = 50
"""Steps after which losses are read from the device, which is not waited for in between; divides ``KEPT_EVERY``."""


@final
@dataclass(eq=False)
class Losses:
    """Losses of the steps since they were last read.

    Attributes:
        waiting: those on the device.
        status: the last one that was read, in words.
    """

    waiting: list[Tensor] = field(default_factory=list[Tensor])
    status: str = ""

    def read(self, step: int) -> None:
        """Read them, after ``step`` steps.

        Raises:
            NumericalError: one is not finite.
        """
        if not self.waiting:
            return
        values = torch.stack(self.waiting).tolist()
        self.waiting.clear()
        bad = [place for place, value in enumerate(values) if not math.isfinite(value)]
        if bad:
            number = step - len(values) + bad[0] + 1
            raise NumericalError(f"classifier: the loss of step {number:,} is not finite; look at the data")
        self.status = f"loss {values[-1]:.3f}"


@final
@dataclass(frozen=True, eq=False)
class ClassifierTraining:
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
        first, losses = state.restore(fits), Losses()
        with listener.follow("classifier", self.num_steps, done=first) as bar:
            for step in range(first, self.num_steps + 1):  # a wish may come with the last step, too
                wanted = wish()
                if wanted or step % READ_EVERY == 0 or step == self.num_steps:
                    losses.read(step)
                if step > first and (wanted or step % KEPT_EVERY == 0):
                    state.keep(fits, step)
                if wanted:
                    raise InterruptedRunError(
                        f"classifier: stopped at step {step:,} of {self.num_steps:,}, kept in {self.run.folder}; "
                        "make the same call to continue"
                    )
                if step < self.num_steps:
                    losses.waiting.append(self._step(optimizer, step))
                    bar.advance(status=losses.status)
        network.eval().requires_grad_(False)

    def _step(self, optimizer: AdamW, step: int) -> Tensor:
        """Take a step, and return its loss; all that is random is a function of the run's seed and the step."""
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
        return loss.detach()

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
