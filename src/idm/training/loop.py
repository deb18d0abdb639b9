"""The training loop: steps, averages, metrics, checkpoints; re-running it continues the run in its folder."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from idm.core.errors import CheckpointError, InterruptedRunError, NumericalError
from idm.core.progress import Progress, progress
from idm.training.checkpoint import Checkpoint, intact_checkpoints, latest_checkpoint, save_checkpoint
from idm.training.clock import Deadline
from idm.training.disk import cannot_write, warn
from idm.training.ema import ExponentialMovingAverage
from idm.training.guard import MOST_ROLLBACKS, Guard, guarded_update
from idm.training.learning_rate import learning_rate
from idm.training.lines import JsonLines
from idm.training.manifest import Json
from idm.training.meter import LossMeter
from idm.training.optimizer import make_optimizer
from idm.training.retention import Retention, discard, tidy
from idm.training.settings import TrainingSettings
from idm.training.signals import StopRequest, stop_on_signals
from idm.training.state import TrainingState
from idm.training.step import TrainStep, gradient_norm
from idm.training.trackers import Tracker

Describe = Callable[[nn.Module], dict[str, Json]]
"""Given the averaged network: the documents that a checkpoint holds beside the state of training."""
Preview = Callable[[int, nn.Module], None]
"""Given the step and the averaged network: whatever shall be shown of it."""


class Trainer:
    """Trains a network in a run folder.

    The folder holds ``checkpoints/``, ``metrics.jsonl``, and ``events.jsonl`` if anything went wrong. All state is in
    the checkpoint; every random draw is a function of (seed, step), so a resumed run equals an uninterrupted one.
    """

    def __init__(
        self,
        network: nn.Module,
        step: TrainStep,
        settings: TrainingSettings,
        run: Path,
        *,
        describe: Describe,
        preview: Preview | None = None,
        trackers: Sequence[Tracker] = (),
        deadline: Deadline | None = None,
        show_progress: bool = True,
    ) -> None:
        """Take over from the newest checkpoint in ``run``, if there is one.

        Args:
            network: what is trained.
            step: how one step's gradient is made.
            settings: how long and how fast, and what is saved when.
            run: the folder.
            describe: what a checkpoint says of the averaged network.
            preview: called at every sample interval.
            trackers: told every line of metrics.
            deadline: stop then, as on a signal; None: never.
            show_progress: show progress on standard error.
        """
        self.train_step, self.settings, self.run_folder = step, settings, run
        self.describe, self.preview, self.trackers, self.show_progress = describe, preview, trackers, show_progress
        self.deadline = deadline or Deadline(None)
        optimizer = make_optimizer(network, settings)
        meter = LossMeter(step.diffusion.num_timesteps, step.device)
        ema = ExponentialMovingAverage(network, settings.ema_rates)
        self.state = TrainingState(network, optimizer, ema, step.timesteps, meter, Guard())
        self.num_steps_done, self.seconds, self._loss, self._saved_step = 0, 0.0, None, -1
        self._logged_step, self._logged_time = 0, time.monotonic()
        tidy(run, self._retention)
        found = latest_checkpoint(run)
        lengths = {} if found is None else self._restore(found)
        self.metrics = JsonLines(run / "metrics.jsonl", lengths.get("metrics_length", 0))
        self.events = JsonLines(run / "events.jsonl", lengths.get("events_length", 0))

    def run(self) -> Checkpoint:
        """Train up to ``num_steps`` and return the final checkpoint.

        Raises:
            InterruptedRunError: stopped on request; the state is saved.
            NumericalError: losses or gradients are not finite, again and again.
            CheckpointError: the last checkpoint cannot be written.
        """
        self.state.network.train()
        label, total = f"training {self.run_folder}", self.settings.num_steps
        with (
            stop_on_signals() as stop,
            progress(label, total, done=self.num_steps_done, enabled=self.show_progress) as bar,
        ):
            self._logged_step, self._logged_time = self.num_steps_done, time.monotonic()
            try:
                while self.num_steps_done < total:
                    self._step(stop, bar)
            finally:
                for tracker in self.trackers:
                    tracker.close()
        return self._last_checkpoint()

    def averaged_network(self) -> nn.Module:
        """Return a copy of the network with the first average's weights, for evaluation."""
        return self.state.averaged_network()

    def save(self) -> Checkpoint:
        """Write a checkpoint of this moment.

        Raises:
            CheckpointError: the disk refuses; earlier checkpoints are as they were.
            NumericalError: something is not finite; nothing is written.
        """
        tensors = self.state.tensors()
        return save_checkpoint(
            self.run_folder,
            self.num_steps_done,
            tensors=tensors,
            documents={"training": self._document(tensors), **self.describe(self.averaged_network())},
            keep=self._retention,
            score=self._loss,
        )

    def _step(self, stop: StopRequest, bar: Progress) -> None:
        norm, status, settings = self._update(), "", self.settings
        logging, saving = self._due(settings.log_interval), self._due(settings.save_interval)
        if (logging or self.state.guard.full) and not self._sound(bar):
            return
        if logging:
            status = self._log(norm)
        if saving and not self._saved(bar, needed=self._finished or self._stopping(stop)):
            return
        bar.advance(status=status)
        if self._finished or not self._stopping(stop):
            self._show()
        if self._stopping(stop) and not self._finished and self._saved(bar, needed=True):
            raise InterruptedRunError(
                f"training: stopped at step {self.num_steps_done:,} of {settings.num_steps:,}, "
                f"saved in {self.run_folder}; run the same command to continue"
            )

    def _stopping(self, stop: StopRequest) -> bool:
        return stop.received or self.deadline.passed()

    def _update(self) -> torch.Tensor:
        state, step = self.state, self.num_steps_done
        batch = self.train_step.accumulate_gradients(state.guard.data_step(step), state.meter)
        norm = gradient_norm(state.optimizer.param_groups[0]["params"], self.settings.clip_grad_norm)
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, step)
        guarded_update(state.optimizer, state.guard.flag(step, batch, norm))
        state.optimizer.zero_grad(set_to_none=True)
        state.ema.update()
        self.num_steps_done += 1
        return norm

    @property
    def _retention(self) -> Retention:
        settings = self.settings
        return Retention(settings.keep_checkpoints, settings.keep_every, settings.keep_best)

    @property
    def _finished(self) -> bool:
        return self.num_steps_done == self.settings.num_steps

    def _due(self, interval: int) -> bool:
        return self.num_steps_done % interval == 0 or self._finished

    def _sound(self, bar: Progress) -> bool:
        """Hear of bad steps; False after going back to a checkpoint."""
        guard = self.state.guard
        for bad in guard.read():
            samples = self.train_step.samples(bad.data_step)
            self.events.append({"event": "not finite, no update", **asdict(bad), "samples": samples})
        if not guard.too_long:
            return True
        first, last = guard.streak[0].step + 1, guard.streak[-1].step + 1
        self._roll_back(bar, f"loss or gradient not finite from step {first:,} to {last:,}", guard.streak[0].step)
        return False

    def _saved(self, bar: Progress, *, needed: bool) -> bool:
        """Save, or warn that a disk refuses unless that is ``needed``; False after going back to a checkpoint."""
        if self._saved_step == self.num_steps_done:
            return True
        if not self._sound(bar):
            return False
        try:
            self.save()
            self._saved_step = self.num_steps_done
        except NumericalError as error:
            self._roll_back(bar, str(error), self.num_steps_done)
            return False
        except CheckpointError as error:
            if needed:
                raise
            warn(f"{error}; training goes on, and saves again in {self.settings.save_interval:,} steps")
        return True

    def _roll_back(self, bar: Progress, reason: str, step: int) -> None:
        """Go back to the newest checkpoint that is not newer than ``step``, and pass over the data of bad steps."""
        guard, checkpoints = self.state.guard, intact_checkpoints(self.run_folder)
        if not checkpoints or guard.num_rollbacks == MOST_ROLLBACKS:
            tried = f"after {guard.num_rollbacks} returns to a checkpoint" if checkpoints else "before any checkpoint"
            raise NumericalError(
                f"training: {reason}, {tried}; lower training.learning_rate in a new run, "
                f"or look at the samples that {self.events.path} names"
            )
        target = max((c for c in checkpoints if c.step <= step), default=checkpoints[0], key=lambda c: c.step)
        for newer in (c for c in checkpoints if c.step > target.step):
            discard(newer.path)
        self._saved_step = target.step
        left, lengths = self.num_steps_done, self._restore(target, guard=False)
        self.metrics.cut(lengths["metrics_length"])
        window = guard.pass_over(target.step)
        self.events.append(
            {"event": "back to a checkpoint", "step": left, "to": target.step, "passed_over": asdict(window)}
        )
        bar.advance(target.step - left + 1)  # the step that led here was not counted
        self._logged_step, self._logged_time = self.num_steps_done, time.monotonic()
        warn(f"training: {reason}; back at step {target.step:,}, {self.events.path} says more")

    def _log(self, norm: torch.Tensor) -> str:
        """Append a line of metrics, and return a few words of it."""
        now, size = time.monotonic(), self.settings.batch_size
        steps, elapsed = self.num_steps_done - self._logged_step, max(now - self._logged_time, 1e-9)
        self._logged_step, self._logged_time = self.num_steps_done, now
        self.seconds += elapsed
        means, rate, last_norm = self.state.meter.read(), steps * size / elapsed, float(norm)
        if not means:
            return "no finite loss"
        self._loss = means["loss"]
        row: dict[str, Any] = {
            "step": self.num_steps_done,
            "images": self.num_steps_done * size,
            **means,
            "grad_norm": last_norm if math.isfinite(last_norm) else None,
            "learning_rate": learning_rate(self.settings, self.num_steps_done - 1),
            "images_per_second": round(rate, 2),
            "seconds": round(self.seconds, 2),
        }
        self.metrics.append(row)
        for tracker in self.trackers:
            tracker.log(row)
        return f"loss {means['loss']:.4f}, {rate:,.0f} images/s"

    def _show(self) -> None:
        interval = self.settings.sample_interval
        if self.preview is None or not (self._finished or (interval and self._due(interval))):
            return
        try:
            self.preview(self.num_steps_done, self.averaged_network())
        except OSError as error:
            warn(f"{error.filename or self.run_folder}: cannot write ({error.strerror or error}); training goes on")

    def _document(self, tensors: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, Any]:
        try:
            lengths = {"metrics_length": self.metrics.commit(), "events_length": self.events.commit()}
        except OSError as error:
            raise cannot_write(error.filename or self.metrics.path, error, self.run_folder, tensors) from error
        now = {"step": self.num_steps_done, "seconds": self.seconds, "loss": self._loss}
        return {**now, **lengths, **self.state.document()}

    def _restore(self, checkpoint: Checkpoint, *, guard: bool = True) -> dict[str, int]:
        document = checkpoint.document("training")
        try:
            self.state.restore(checkpoint, guard=guard)
            self.num_steps_done, self.seconds = document["step"], document["seconds"]
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(f"checkpoint {checkpoint.path}: it does not fit this training ({reason})") from error
        self._loss = document.get("loss")
        return {name: document[name] for name in ("metrics_length", "events_length") if name in document}

    def _last_checkpoint(self) -> Checkpoint:
        found = latest_checkpoint(self.run_folder)
        return found if found is not None and found.step == self.num_steps_done else self.save()
