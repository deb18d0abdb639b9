"""The training loop: steps, averages, metrics, checkpoints; re-running it continues the run in its folder."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from torch import nn

from idm.core.errors import CheckpointError, InterruptedRunError, NumericalError, ProcessError
from idm.core.progress import Progress, progress, warn
from idm.core.ranks import Vote
from idm.training.checkpoint import Checkpoint, latest_checkpoint
from idm.training.clock import Deadline
from idm.training.manifest import Json
from idm.training.records import Records
from idm.training.settings import TrainingSettings
from idm.training.signals import stop_on_signals
from idm.training.spread import Alone
from idm.training.state import TrainingState
from idm.training.step import TrainStep
from idm.training.trackers import Tracker
from idm.training.update import optimiser_step

Describe = Callable[[nn.Module], dict[str, Json]]
"""Given the averaged network: the documents that a checkpoint holds beside the state of training."""
Preview = Callable[[int, nn.Module], None]
"""Given the step and the averaged network: whatever shall be shown of it."""
Measure = Callable[[nn.Module], dict[str, float]]
"""Given the averaged network: figures for the metrics; the first of them, smaller is better, ranks checkpoints."""


class Trainer:
    """Trains a network in a run folder.

    The folder holds ``checkpoints/``, ``metrics.jsonl``, and ``events.jsonl`` if anything went wrong. All state is in
    the checkpoint; every random draw is a function of (seed, step), so a resumed run equals an uninterrupted one.
    Where several processes train, each makes one; the main one writes, shows and measures.
    """

    def __init__(
        self,
        network: nn.Module,
        step: TrainStep,
        settings: TrainingSettings,
        run: str | Path,
        *,
        describe: Describe,
        preview: Preview | None = None,
        measure: Measure | None = None,
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
            measure: called at every bound interval.
            trackers: told every line of metrics.
            deadline: stop then, as on a signal; None: never.
            show_progress: show progress on standard error.
        """
        run = Path(run)
        self.train_step, self.settings, self.run_folder = step, settings, run
        self.preview, self.measure = preview, measure if settings.bound_interval else None
        self.show_progress = show_progress and step.ranks.is_main
        self.ranks, self.deadline = step.ranks, deadline or Deadline(None)
        self.state = TrainingState.new(step.spread or Alone(network), step, settings)
        by_loss = self.measure is None
        self.records = Records(self.state, step, settings, run, describe=describe, trackers=trackers, by_loss=by_loss)

    @property
    def num_steps_done(self) -> int:
        """Completed optimiser steps."""
        return self.records.step

    def run(self) -> Checkpoint:
        """Train up to ``num_steps`` and return the final checkpoint.

        Raises:
            InterruptedRunError: stopped on request; the state is saved.
            NumericalError: losses or gradients are not finite, again and again.
            CheckpointError: the last checkpoint cannot be written.
            ProcessError: data cannot be read in time, or memory is short even for single images.
        """
        self.state.spread.network.train()
        label, total = f"training {self.run_folder}", self.settings.num_steps
        with (
            stop_on_signals() as stop,
            progress(label, total, done=self.num_steps_done, enabled=self.show_progress) as bar,
        ):
            if self.num_steps_done:
                self._show()  # stopped or killed between saving and drawing, it may not have come to that
            self.records.journal.start(self.num_steps_done)
            vote = Vote(self.ranks, lambda: stop.received or self.deadline.passed())
            try:
                while self.num_steps_done < total:
                    self._step(vote, bar)
                vote.settle()
            finally:
                self.records.journal.close()
        return self._last_checkpoint()

    def averaged_network(self) -> nn.Module:
        """Return a copy of the network with the first average's weights, for evaluation."""
        return self.state.averaged_network(self.state.first_average())

    def _step(self, vote: Vote, bar: Progress) -> None:
        norm, status = optimiser_step(self.train_step, self.state, self.num_steps_done), ""
        self.records.step += 1
        vote.cast()
        stopping = vote.carried and not self._finished
        measuring = self.measure is not None and self._due(self.settings.bound_interval)
        logging, saving = measuring or self._due(self.settings.log_interval), self._due(self.settings.save_interval)
        if (logging or self.state.guard.full) and not self._sound(bar):
            return
        if logging:
            status = self.records.log(norm, self._measured() if measuring else {})
        if self._snapshot_due and not self._written(bar, self.records.snapshot):
            return
        if saving and not self._saved(bar, needed=self._finished or stopping):
            return
        bar.advance(status=status)
        if not stopping:
            self._show()
        if vote.carried and not self._finished and self._saved(bar, needed=True):
            raise InterruptedRunError(
                f"training: stopped at step {self.num_steps_done:,} of {self.settings.num_steps:,}, "
                f"saved in {self.run_folder}; run the same command to continue"
            )

    @property
    def _finished(self) -> bool:
        return self.num_steps_done == self.settings.num_steps

    def _due(self, interval: int) -> bool:
        return interval > 0 and (self.num_steps_done % interval == 0 or self._finished)

    def _sound(self, bar: Progress) -> bool:
        """Deal with bad steps; False after going back to a checkpoint."""
        guard = self.state.guard
        for bad in guard.read():
            samples = self.train_step.samples(bad.data_step)
            self.records.journal.event(event="not finite, no update", **asdict(bad), samples=samples)
        trouble = guard.trouble
        if not trouble:
            return True
        first, last = trouble[0].step + 1, trouble[-1].step + 1
        reason = f"loss or gradient not finite {len(trouble):,} times from step {first:,} to {last:,}"
        self._roll_back(bar, reason, trouble[0].step)
        return False

    @property
    def _snapshot_due(self) -> bool:
        return bool(self.settings.posthoc_sigma_rels) and self.num_steps_done % self.settings.snapshot_interval == 0

    def _saved(self, bar: Progress, *, needed: bool) -> bool:
        """Save; otherwise as ``_written``."""
        saved = self.records.saved_step == self.num_steps_done
        return saved or self._written(bar, self.records.save, needed=needed)

    def _written(self, bar: Progress, write: Callable[[], object], *, needed: bool = False) -> bool:
        """Write, or warn that a disk refuses unless that is ``needed``; False after going back to a checkpoint."""
        if not self._sound(bar):
            return False
        try:
            write()
        except NumericalError as error:
            self._roll_back(bar, str(error).removeprefix("training: "), self.num_steps_done)
            return False
        except CheckpointError as error:
            if needed:
                raise
            if self.ranks.is_main:
                warn(f"{error}; training goes on, and tries again the next time")
        return True

    def _roll_back(self, bar: Progress, reason: str, step: int) -> None:
        left = self.num_steps_done
        target = self.records.go_back(reason, step)
        bar.advance(target - left + 1)  # the step that led here was not counted

    def _measured(self) -> dict[str, float]:
        measure, average = self.measure, self.state.first_average()
        if measure is None:
            return {}

        def look() -> dict[str, float]:
            try:
                return measure(self.state.averaged_network(average))
            except ProcessError as error:
                warn(f"training: held-out data are not measured ({error}); training goes on")
                return {}

        return self.ranks.on_main(look)

    def _show(self) -> None:
        preview, interval = self.preview, self.settings.sample_interval
        if preview is None or not (self._finished or self._due(interval)):
            return
        average = self.state.first_average()

        def show() -> None:
            try:
                preview(self.num_steps_done, self.state.averaged_network(average))
            except OSError as error:
                what = error.filename or self.run_folder
                warn(f"{what}: cannot write ({error.strerror or error}); training goes on")
            except ProcessError as error:
                warn(f"training: no samples are drawn ({error}); training goes on")

        self.ranks.on_main(show)

    def _last_checkpoint(self) -> Checkpoint:
        path = self.ranks.on_main(lambda: _path_of_step(self.run_folder, self.num_steps_done))
        return self.records.save() if path is None else Checkpoint(path)


def _path_of_step(run: Path, step: int) -> Path | None:
    found = latest_checkpoint(run)
    return found.path if found is not None and found.step == step else None
