"""The trainer of a task: what a checkpoint says besides the weights, what is measured and drawn on the way."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from torch import nn

from idm.diffusion import GaussianDiffusion
from idm.networks.needs import mean_of_network, uses_dropout_seeds
from idm.networks.size import device_of
from idm.run import Run
from idm.run.acceleration import for_training
from idm.run.build import null_label
from idm.run.calibrate import BATCH_SIZE, calibrate, calibrate_in_time, calibrated, versions
from idm.run.clock import MemorisationClock, make_clock
from idm.run.loaded import SAMPLED_AT_ONCE
from idm.run.scoring import held_out_estimate
from idm.settings import to_plain
from idm.tasks.initial import DOCUMENT
from idm.tasks.task import Task
from idm.training import Trainer, TrainStep
from idm.training.memory import in_smaller_pieces
from idm.training.spread import Spread
from idm.training.spreads import spread_over

MEASURED_AT_ONCE = 128
"""Most (image, step) pairs that go through the network at once when the held-out bound is estimated."""

SMALL_VALUES = 2**16
"""Values that go through a network in no time."""


def make_trainer(task: Task) -> Trainer:
    """Put the loop together for a task."""
    wish = task.wish
    spread = spread_over(task.ranks, task.network, task.experiment.training.shard)
    step = _train_step(task, spread)
    clock = make_clock(task.experiment.training, task.data, task.diffusion.grid)
    averaged = _Averaged(task, step, clock)
    return Trainer(
        spread,
        step,
        task.run_folder,
        describe=averaged.describe,
        preview=None if wish.preview is None else averaged.show,
        measure=averaged.measure if len(task.data.held_out) else None,
        clock=None if clock is None else averaged.memorised,
        trackers=wish.trackers,
        deadline=wish.deadline,
        listener=wish.listener,
    )


@final
@dataclass(frozen=True, eq=False)
class _Averaged:
    """What is done with averaged weights along a training.

    Attributes:
        task: what is trained.
        step: how; it knows how many samples go through the network at once.
        clock: looks whether training samples are told from others; None: nobody does.
    """

    task: Task
    step: TrainStep
    clock: MemorisationClock | None

    def describe(self, network: nn.Module) -> dict[str, dict[str, Any]]:
        """Return the documents of a checkpoint."""
        task = self.task
        origin = {} if task.origin is None else {DOCUMENT: task.origin.to_plain()}
        size = self._fitting(BATCH_SIZE)
        return {
            "experiment": to_plain(task.experiment),
            "data": task.data.spec.to_plain(),
            "calibration": calibrate_in_time(task.experiment, task.diffusion, network, task.data, batch_size=size),
            "versions": versions(),
            **origin,
        }

    def show(self, number: int, network: nn.Module) -> None:
        """Draw samples, and show the picture of them to whoever listens."""
        wish = self.task.wish
        assert wish.preview is not None, "else it is not called"
        picture = wish.preview(number, self._as_run(network, self.task.diffusion, number))
        if picture is not None:
            wish.listener.show(f"training {self.task.run_folder}", Path(picture))

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Estimate the bound of held-out data, with the decoder's variance fitted anew."""
        task, size = self.task, self._fitting(BATCH_SIZE)
        fitted = calibrate(task.experiment, task.diffusion, network, task.data, num_levels=1, batch_size=size)
        run, num = self._as_run(network, calibrated(task.diffusion, fitted)), task.experiment.training.bound_images
        found = in_smaller_pieces(
            self._fitting(MEASURED_AT_ONCE),
            lambda pairs: held_out_estimate(run, task.data, num=num, batch_size=pairs),
        )
        return {"held_out_bpd": found.mean, "held_out_bpd_error": found.standard_error}

    def memorised(self, network: nn.Module) -> dict[str, float]:
        """Say by how much training samples are known better than held-out ones."""
        assert self.clock is not None, "else it is not called"
        run, look = self._as_run(network, self.task.diffusion), self.clock.look
        return in_smaller_pieces(self._fitting(MEASURED_AT_ONCE), lambda size: look(run, size))

    def _fitting(self, most: int) -> int:
        """As many samples at once as training takes, or as are small in any case."""
        small = SMALL_VALUES // math.prod(self.task.data.spec.shape)
        return min(most, max(self.step.micro_batches.size, small))

    def _as_run(self, network: nn.Module, diffusion: GaussianDiffusion, number: int = 0) -> Run:
        task, size = self.task, self._fitting(SAMPLED_AT_ONCE)
        where = device_of(network)
        return Run(
            task.run_folder,
            None,
            number,
            task.experiment,
            task.data.spec,
            network,
            diffusion,
            where,
            batch_size=size,
            data=task.data,
        )


def _train_step(task: Task, spread: Spread) -> TrainStep:
    settings, kind = task.experiment.training, task.data.spec.label_kind
    return TrainStep(
        for_training(spread.training_network, settings),
        task.diffusion,
        task.timesteps,
        task.data.train,
        settings,
        seed=task.experiment.seed,
        device=task.device,
        without=None if null_label(task.experiment, task.data.spec) is None else kind.without,
        given=kind.given,
        mean=mean_of_network(task.network),
        ranks=task.ranks,
        seeded_dropout=uses_dropout_seeds(task.network),
    )
