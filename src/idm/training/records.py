"""What a run keeps on disk while it is trained: checkpoints and the journal, and the way back to them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from idm.core.errors import CheckpointError, NumericalError
from idm.core.progress import warn
from idm.core.signals import stop_requested
from idm.core.text import one_line
from idm.storage import Checkpoint, Retention, save_checkpoint
from idm.storage.disk import cannot_write
from idm.storage.manifest import Json, Score, to_plain
from idm.storage.newest import checkpoint_to_continue, intact_checkpoints
from idm.storage.retention import discard, tidy
from idm.training.documents import owed_norm, refuse_other_counts
from idm.training.guard import MOST_ROLLBACKS
from idm.training.journal import METRICS, Journal
from idm.training.learning_rate import learning_rate
from idm.training.memorisation import SINCE, Onset
from idm.training.onlookers import Measured
from idm.training.snapshots import discard_after, save_snapshot
from idm.training.state import Tensors, TrainingState, refuse_not_finite
from idm.training.trackers import Tracker


class Records:
    """Saves and restores the state of a run, and writes its journal.

    Attributes:
        first_step: completed optimiser steps of the checkpoint that it took over from; 0: there was none.
        saved_step: step of the last checkpoint that was written or gone on from; -1: none, or something is left to do
            for it.
        owed: norm of the last gradient, where a stop came before the line of metrics of the step that training goes on
            from; None: nothing is owed.
        in_haste: whether the checkpoint that training goes on from was written for a stop, described in a hurry.
        journal: metrics and events.
    """

    def __init__(
        self,
        state: TrainingState,
        run_folder: Path,
        *,
        describe: Callable[[nn.Module], dict[str, Json]],
        trackers: Sequence[Tracker] = (),
        by_loss: bool = True,
    ) -> None:
        """Take over from the newest checkpoint in ``run_folder``, if there is one.

        Args:
            state: what is saved; its step knows the settings and the processes.
            run_folder: the folder.
            describe: what a checkpoint says of the averaged network.
            trackers: told every line of metrics.
            by_loss: rank checkpoints by the loss, not by what is measured.
        """
        self._state, self._run_folder, self._describe = state, run_folder, describe
        step = state.step
        # Folder and files are the main process's; what it finds there it tells the others.
        settings, ranks = step.settings, step.ranks
        self._retention = Retention(settings.keep_checkpoints, settings.keep_every, settings.keep_best)
        self._by_loss = by_loss
        self._score: Score | None = None
        self._onset = Onset()
        self.first_step, self.saved_step = 0, -1
        self.owed: float | None = None
        self.in_haste = False
        found = ranks.on_main(lambda: _tidied(run_folder, self._retention))
        document = {}
        if found is not None:
            checkpoint = Checkpoint(found)
            document, self.first_step = self._restore(checkpoint), checkpoint.step
        # Lines after the checkpoint are dropped: the steps that they tell of are made again.
        self.journal = Journal(run_folder, document, writes=ranks.is_main, trackers=trackers)
        self.journal.seconds = float(document.get("seconds", 0.0))
        step.micro_batches.remember_in(run_folder, ranks)

    def save(self, step: int, *, owed: torch.Tensor | None = None) -> Checkpoint:
        """Write a checkpoint of this moment.

        Args:
            step: completed optimiser steps.
            owed: norm of the last gradient, where a line of metrics is due that the next start shall write.

        Raises:
            CheckpointError: the disk refuses; earlier checkpoints are as they were.
            NumericalError: something is not finite; nothing is written.
        """
        # All processes put the tensors together, and the main one writes them.
        tensors = self._state.tensors()
        path = self._state.step.ranks.on_main(lambda: self._write(step, tensors, None if owed is None else float(owed)))
        self._state.guard.settle(step)
        self.saved_step = step
        return Checkpoint(path)

    def snapshot(self, step: int) -> None:
        """Keep the averages that others are made from afterwards; errors as in ``save``."""
        averages = self._state.power_averages()
        self._state.step.ranks.on_main(lambda: save_snapshot(self._run_folder, step, averages))

    def log(self, step: int, norm: torch.Tensor, measured: Measured) -> str:
        """Append a line of metrics, and return a few words of it.

        Args:
            step: completed optimiser steps.
            norm: norm of the last gradient.
            measured: figures of the averaged network, as far as it was measured now.
        """
        train_step = self._state.step
        # Read on every process, as the sums are over all of them, though only the main one writes.
        means = self._state.meter.read(train_step.ranks)
        figures = means if self._by_loss else measured.bound
        # A checkpoint between two measurements is ranked by the last one.
        self._score = Score.of(figures) if figures else self._score
        memory = self._onset.heed(step, measured.memorisation, tells=train_step.ranks.is_main)
        if self._onset.since is not None and train_step.settings.best_before_memorisation:
            self._score = None
        return self.journal.log(
            step,
            train_step.settings.batch_size,
            means,
            **measured.bound,
            **memory,
            grad_norm=float(norm),
            learning_rate=learning_rate(train_step.settings, step - 1),
            waited=train_step.seconds_waited(),
        )

    def go_back(self, reason: str, step: int, left: int) -> int:
        """Go back to the newest checkpoint that is not newer than ``step``, and pass over the data of bad steps.

        Args:
            reason: why, for people.
            step: the newest step to go back to.
            left: completed optimiser steps.

        Returns:
            The step that the checkpoint is of.

        Raises:
            NumericalError: there is none, or the run went back too often.
        """
        guard, ranks = self._state.guard, self._state.step.ranks
        target = Checkpoint(ranks.on_main(lambda: self._target(reason, step)))
        # The guard keeps what it learned: with the checkpoint's it would meet the same data again.
        document = self._restore(target, guard=False)
        self.journal.go_back(document[METRICS])
        window = guard.pass_over(target.step, left)
        self.journal.event(event="back to a checkpoint", step=left, to=target.step, passed_over=asdict(window))
        self.journal.start(target.step)
        if ranks.is_main:
            warn(f"training: {reason}; back at step {target.step:,}, {self.journal.events_path} says more")
        return target.step

    def _target(self, reason: str, step: int) -> Path:
        """Choose the checkpoint to go back to, and discard those after it."""
        guard, checkpoints = self._state.guard, intact_checkpoints(self._run_folder)
        if not checkpoints or guard.num_rollbacks == MOST_ROLLBACKS:
            tried = f"after {guard.num_rollbacks} returns to a checkpoint" if checkpoints else "before any checkpoint"
            raise NumericalError(
                f"training: {reason}, {tried}; lower training.learning_rate in a new run, "
                f"or look at the samples that {self.journal.events_path} names"
            )
        # The newest before the trouble; where that was deleted by now, the oldest that is left.
        target = max((c for c in checkpoints if c.step <= step), default=checkpoints[0], key=lambda c: c.step)
        # Their steps will be made again, of other data.
        for newer in (c for c in checkpoints if c.step > target.step):
            discard(newer.path)
        discard_after(self._run_folder, target.step)
        return target.path

    def _write(self, step: int, tensors: Tensors, owed: float | None) -> Path:
        refuse_not_finite(tensors)
        # Described with the average that is saved, not with a second copy of it, which memory may not have room for.
        average = tensors[self._state.averages.profiles[0].name]
        described = self._describe(self._state.averaged_network(average, needed=True))
        return save_checkpoint(
            self._run_folder,
            step,
            tensors=tensors,
            documents={"training": self._document(step, tensors, owed), **described},
            keep=self._retention,
            score=self._score,
        ).path

    def _document(self, step: int, tensors: Tensors, owed: float | None) -> dict[str, Any]:
        # Lines reach the disk before the checkpoint that counts their bytes.
        try:
            lengths = self.journal.commit()
        except OSError as error:
            raise cannot_write(error.filename or self._run_folder, error, self._run_folder, tensors) from error
        now = {"step": step, "seconds": self.journal.seconds, "score": to_plain(self._score)}
        # JSON has no infinity: null is read back as NaN, which writes the same line.
        line = None if owed is None else {"grad_norm": owed if math.isfinite(owed) else None}
        stopped = {"owed": line, "in_haste": stop_requested(), SINCE: self._onset.since}
        return {**now, **lengths, **stopped, **self._state.document(step)}

    def _restore(self, checkpoint: Checkpoint, *, guard: bool = True) -> dict[str, Any]:
        document = checkpoint.document("training")
        # Hashes were right, so that whatever fails here is a checkpoint of another training, or of another version.
        try:
            refuse_other_counts(checkpoint, document)
            score = Score.from_plain(document.get("score"))
            self._onset.restore(document.get(SINCE), checkpoint.step)
            self._state.restore(checkpoint, guard=guard)
            self.owed, self.in_haste = owed_norm(document), bool(document.get("in_haste"))
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint.path}: it does not fit this training ({one_line(error)})"
            ) from error
        self._score = score
        # Something left to do: the checkpoint is written again once it is done.
        self.saved_step = checkpoint.step if self.owed is None and not self.in_haste else -1
        return document


def _tidied(run_folder: Path, keep: Retention) -> Path | None:
    """Clean up a run folder, and return its newest checkpoint; errors as of ``checkpoint_to_continue``."""
    tidy(run_folder, keep)
    found = checkpoint_to_continue(run_folder)
    discard_after(run_folder, 0 if found is None else found.step)
    return None if found is None else found.path
