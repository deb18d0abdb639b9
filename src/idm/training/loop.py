"""The training loop: steps, averages, metrics, checkpoints; re-running it continues the run in its folder."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn

from idm.core.errors import CheckpointError, InterruptedRunError, NumericalError
from idm.core.progress import SILENT, Listener, Progress, warn
from idm.core.signals import StopError, stop_on_signals
from idm.core.vote import Vote
from idm.storage import Checkpoint
from idm.storage.newest import checkpoint_of_step
from idm.training.clock import Deadline
from idm.training.onlookers import Describe, Measure, Measures, Onlookers, Preview
from idm.training.records import Records
from idm.training.spread import Spread
from idm.training.state import TrainingState
from idm.training.step import TrainStep
from idm.training.trackers import Tracker
from idm.training.update import optimiser_step


class _WentBackError(Exception):
    """Training is at an earlier checkpoint, and whatever was due after the step that led there is so no more."""


class Trainer:
    """Trains a network in a run folder.

    The folder holds ``checkpoints/``, ``metrics.jsonl``, and ``events.jsonl`` if anything went wrong. All state is in
    the checkpoint; every random draw is a function of (seed, step), so a resumed run equals an uninterrupted one.
    Where several processes train, each makes one; the main one writes, shows and measures.
    """

    def __init__(
        self,
        spread: Spread,
        step: TrainStep,
        run_folder: str | Path,
        *,
        describe: Describe,
        preview: Preview | None = None,
        measure: Measure | None = None,
        clock: Measure | None = None,
        trackers: Sequence[Tracker] = (),
        deadline: Deadline | None = None,
        listener: Listener = SILENT,
    ) -> None:
        """Take over from the newest checkpoint in ``run_folder``, if there is one.

        Args:
            spread: the network that is trained, laid over the processes; of a single one, ``Alone(network)``.
            step: how one step's gradient is made; its settings say how long and how fast, and what is saved when.
            run_folder: the folder.
            describe: what a checkpoint says of the averaged network.
            preview: called at every sample interval, less often where that takes more than a small share of the time,
                and at the end; a stop leaves it by a ``StopError``, as it does ``measure``.
            measure: called at every bound interval.
            clock: called at every memorisation interval.
            trackers: told every line of metrics.
            deadline: stop then, as on a signal; None: never.
            listener: hears how it gets on.
        """
        self.train_step, self.run_folder = step, Path(run_folder)
        self.listener = listener if step.ranks.is_main else SILENT  # all have the same terminal
        self.deadline = deadline or Deadline(None)
        self.state = TrainingState.new(spread, step, step.settings)
        every = Measures(measure if step.settings.bound_interval else None, clock)
        self.onlookers = Onlookers(step, self.state, self.run_folder, preview, every, self.listener)
        # Restores the newest checkpoint into the state, and so knows from which step to count on.
        by_loss = every.bound is None
        self.records = Records(self.state, self.run_folder, describe=describe, trackers=trackers, by_loss=by_loss)
        self._num_steps_done = self.records.first_step

    @property
    def num_steps_done(self) -> int:
        """Completed optimiser steps."""
        return self._num_steps_done

    def run(self) -> Checkpoint:
        """Train up to ``num_steps`` and return the final checkpoint.

        Raises:
            InterruptedRunError: stopped on request; the state is saved.
            NumericalError: losses or gradients are not finite, again and again.
            CheckpointError: the last checkpoint cannot be written.
            ProcessError: data cannot be read in time, or memory is short even for single images.
        """
        self.state.spread.network.train()
        label, total = f"training {self.run_folder}", self.train_step.settings.num_steps
        # A step whose line of metrics is owed is counted once that line is written.
        shown = self.num_steps_done - (self.records.owed is not None)
        with (
            stop_on_signals("finishing the running step and saving", lambda: self.deadline.passed()) as stop,
            self.listener.follow(label, total, done=shown) as bar,
        ):
            self.records.journal.start(self.num_steps_done)
            vote = Vote(self.train_step.ranks, lambda: stop.received)
            try:
                with suppress(_WentBackError):
                    self._catch_up(vote, bar)
                # Going back to a checkpoint leaves whatever was due, from any depth, and goes on from the earlier step.
                while self.num_steps_done < total:
                    with suppress(_WentBackError):
                        self._step(vote, bar)
                vote.settle()  # a group must not be left with a message under way
            finally:
                self.records.journal.close()
        return self._last_checkpoint()

    def averaged_network(self) -> nn.Module:
        """Return a copy of the network with the first average's weights, for evaluation."""
        return self.state.averaged_network(self.state.first_average())

    def _catch_up(self, vote: Vote, bar: Progress) -> None:
        """Do what was due after the last step, and what a stop, or a kill, may have come before."""
        # The state is that of after the step: only what follows the update is left to do.
        if self.records.owed is not None:
            self._after_step(torch.tensor(self.records.owed), vote, bar)
        elif self.num_steps_done:
            # What a stop had described in a hurry is replaced, so that it ends as that of a run that was not stopped.
            if self.records.in_haste and self._due(self.train_step.settings.save_interval):
                self._write(bar, self.records.save)
            self._show()

    def _step(self, vote: Vote, bar: Progress) -> None:
        try:
            norm = optimiser_step(self.train_step, self.state, self.num_steps_done)
        except StopError:  # while data were waited for
            self._stop(bar)
        self._num_steps_done += 1
        # The vote is answered a step later, on the host, so that no device is waited for.
        vote.cast()
        self._after_step(norm, vote, bar)

    def _after_step(self, norm: torch.Tensor, vote: Vote, bar: Progress) -> None:
        """Do what is due after a step; once there is a wish to stop, only what saving needs."""
        settings, status, due = self.train_step.settings, "", self.onlookers.due(self.num_steps_done)
        # What is measured is written in the line of metrics of its step, so that there must be one.
        logging = due != Measures() or self._due(settings.log_interval)
        # Flags of bad steps wait on the device until something is written that must not hold their traces.
        if logging or self.state.guard.full:
            self._heed_bad_steps(bar)
        if logging:
            measured = self.onlookers.measured(vote, due)
            # A line without its measurement would differ from that of a run that was not stopped: it is owed instead.
            if measured is None:
                self._stop(bar, owed=norm)
            status = self.records.log(self.num_steps_done, norm, measured)
        if settings.snapshot_is_due(self.num_steps_done):
            self._write(bar, self.records.snapshot)
        # The last checkpoint of a run, or of a stop, must succeed; another is tried again an interval later.
        if self._due(settings.save_interval) and self.records.saved_step != self.num_steps_done:
            self._write(bar, self.records.save, needed=self._finished or vote.carried)
        bar.advance(status=status)
        if not vote.carried:
            self._show()
        # Asked anew: the stop may have come while samples were drawn.
        if vote.carried and not self._finished:
            self._stop(bar)

    def _stop(self, bar: Progress, *, owed: torch.Tensor | None = None) -> NoReturn:
        """Save and end the training, unless something is not finite, which leads back to a checkpoint.

        Args:
            bar: progress.
            owed: norm of the last step's gradient, where a line of metrics is due that waits for a measurement: the
                next start makes up for it.

        Raises:
            InterruptedRunError: always, but for what ``_write`` raises.
        """
        if self.num_steps_done == 0:
            raise InterruptedRunError(
                "training: stopped before the first step, with nothing to save; make the same call to start again"
            )
        # Where something is not finite this goes back instead, and the stop is answered after the next step.
        if self.records.saved_step != self.num_steps_done:
            self._write(bar, lambda step: self.records.save(step, owed=owed), needed=True)
        raise InterruptedRunError(
            f"training: stopped at step {self.num_steps_done:,} of {self.train_step.settings.num_steps:,}, "
            f"saved in {self.run_folder}; make the same call to continue"
        )

    @property
    def _finished(self) -> bool:
        return self.num_steps_done == self.train_step.settings.num_steps

    def _due(self, interval: int) -> bool:
        return self.train_step.settings.is_due(interval, self.num_steps_done)

    def _heed_bad_steps(self, bar: Progress) -> None:
        """Write down which steps were bad, and go back to a checkpoint where they were too many.

        Raises:
            _WentBackError: as said.
        """
        guard = self.state.guard
        # Every one is written down, also those of a stretch that is about to be undone: people want to know why.
        for bad in guard.read():
            samples = self.train_step.samples(bad.data_step)
            self.records.journal.event(event="not finite, no update", **asdict(bad), samples=samples)
        if guard.trouble:
            self._go_back(bar, guard.trouble_in_words, guard.trouble[0].step)

    def _write(self, bar: Progress, write: Callable[[int], object], *, needed: bool = False) -> None:
        """Write what belongs to this step, or warn that a disk refuses unless that is ``needed``.

        Raises:
            _WentBackError: something is not finite, which led back to a checkpoint.
            CheckpointError: a disk refuses what is needed.
        """
        # Flags that are still unread would be lost with the steps that a resumed run does not repeat.
        self._heed_bad_steps(bar)
        try:
            write(self.num_steps_done)
        except NumericalError as error:  # gradients were finite, and what was made of them is not
            self._go_back(bar, str(error).removeprefix("training: "), self.num_steps_done)
        except CheckpointError as error:
            if needed:
                raise
            if self.train_step.ranks.is_main:
                warn(f"{error}; training goes on, and tries again the next time")

    def _go_back(self, bar: Progress, reason: str, step: int) -> NoReturn:
        """Go back to a checkpoint not newer than ``step``; progress goes back with it.

        Raises:
            _WentBackError: always.
            NumericalError: there is no such checkpoint, or the run went back too often.
        """
        left = self.num_steps_done
        self._num_steps_done = self.records.go_back(reason, step, left)
        bar.advance(self.num_steps_done - left + 1)  # the step that led here was not counted
        raise _WentBackError

    def _show(self) -> None:
        if self._due(self.train_step.settings.sample_interval):
            self.onlookers.show(self.num_steps_done, finished=self._finished)

    def _last_checkpoint(self) -> Checkpoint:
        # It was written with the last step; what somebody removed meanwhile is written again.
        found = self.train_step.ranks.on_main(lambda: checkpoint_of_step(self.run_folder, self.num_steps_done))
        return found or self.records.save(self.num_steps_done)
