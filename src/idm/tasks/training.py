"""Training an experiment in a run folder."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from idm.core.errors import InterruptedRunError
from idm.core.files import write_atomically
from idm.core.notebook import listener_or_best
from idm.core.progress import Listener, warn
from idm.core.ranks import Ranks, joined_ranks
from idm.core.signals import StopError, at_once, stop_on_signals
from idm.run import Run, best_device, load
from idm.run.data_folder import places_of
from idm.settings import Experiment, to_plain
from idm.storage.lock import locked
from idm.storage.retention import folders
from idm.tasks.outcome import losses_of, reason_to_doubt
from idm.tasks.prepare import prepare
from idm.tasks.preview import preview
from idm.tasks.resume import refuse_other_run
from idm.tasks.run_folder import SETTINGS, require_run_folder, settings_text
from idm.tasks.task import NETWORK_CODE, SOURCE_CODE, Adapt, Announce, Preview, Start, Task, Wish, as_it_is
from idm.tasks.trainer import make_trainer
from idm.training import Deadline, Tracker, Trainer


def train(
    experiment: Experiment,
    run_folder: str | Path,
    *,
    device: str | None = None,
    init: str | Path | None = None,
    adapt: Adapt = as_it_is,
    announce: Announce | None = None,
    preview: Preview | None = preview,
    trackers: Sequence[Tracker] = (),
    max_seconds: float | None = None,
    listener: Listener | None = None,
    trust_code: bool = False,
    trusted: Collection[str] = (),
) -> Run:
    """Train, or go on with the run in that folder, and return the trained model.

    Args:
        experiment: everything that defines the run.
        run_folder: folder of the run; made, if it is not there, once all is known to fit together.
        device: where to train; the best one found by default.
        init: another run, or one checkpoint, whose first average a new run begins with.
        adapt: changes settings of training once it is known how many samples there are to train on.
        announce: told what is about to be trained, once everything is known to fit together.
        preview: called with the step and the model so far at every ``training.sample_interval``, and at the end.
        trackers: told every line of metrics.
        max_seconds: longest time to train, after which it stops as on a signal; None: no limit.
        listener: hears how it gets on, and sees the grids of samples; a bar or lines by default.
        trust_code: whether the code that a custom source or network names may be imported and called.
        trusted: settings that name code which may be called in any case, such as "network.make".

    Raises:
        SettingsError, DataError: settings that do not fit, data that cannot be used, or code that is not trusted.
        ResumeError: the folder holds a run with other settings.
        CheckpointError: every checkpoint in the folder is damaged, or the disk refuses.
        InterruptedRunError: stopped on request; the state is saved.
    """
    first, due, told = None if init is None else Path(init), Deadline(max_seconds), listener_or_best(listener)
    wish = Wish(experiment, Path(run_folder), first, adapt, announce, preview, trackers, due, told, trust_code, trusted)
    return _train_together(wish, device)


def _train_together(wish: Wish, device: str | None) -> Run:
    """Train in all processes of the job, and open the last checkpoint where it was trained."""
    with stop_on_signals("leaving what was begun", wish.deadline.passed) as stop:
        where = best_device(device)
        with joined_ranks(where) as ranks:
            path = _train(wish, where, ranks)
        if stop.received:
            raise InterruptedRunError(
                f"training: all {wish.experiment.training.num_steps:,} steps are done and saved in {wish.run_folder}, "
                "and a stop was asked for; the same call again draws the last samples"
            )
    trained = load(path, device=str(where), trust_code=wish.trusts(NETWORK_CODE))
    return replace(trained, trust_code=wish.trusts(SOURCE_CODE))


def _train(wish: Wish, device: torch.device, ranks: Ranks) -> Path:
    """Train in one of the processes of a job; nothing that lives on them outlives the call."""
    run_folder = wish.run_folder
    ranks.on_main(lambda: require_run_folder(run_folder, places_of(wish.experiment.data)))
    with ExitStack() as stack:
        try:
            with at_once():
                task = prepare(wish, device, ranks)
                ranks.on_main(lambda: _claim(task, stack))
                trainer = make_trainer(task)
                if ranks.is_main:
                    _announce(task, trainer.num_steps_done)
        except StopError as stop:
            raise InterruptedRunError(
                f"training: stopped before it began, with nothing to save in {run_folder}; make the same call to "
                "start again"
            ) from stop
        return _trained(task, trainer)


def _announce(task: Task, num_steps_done: int) -> None:
    """Say what is worth knowing of the data, and what is about to be trained."""
    for remark in task.data.remarks:
        warn(remark)
    for note in task.data.notes:
        task.wish.listener.say(note)
    if task.wish.announce is not None:
        opened = (task.experiment, task.data, task.diffusion, task.network, task.device)
        task.wish.announce(Start(*opened, num_steps_done, task.ranks.size, task.origin))


def _trained(task: Task, trainer: Trainer) -> Path:
    """Train to the end, and say so where that was in vain."""
    before = trainer.num_steps_done
    path = trainer.run().path
    if task.ranks.is_main and trainer.num_steps_done > before:
        losses = losses_of(task.run_folder) if task.origin is None else []  # trained weights need not improve
        doubt = reason_to_doubt(task.experiment.training, losses)
        if doubt:
            warn(doubt)
    return path


def _claim(task: Task, stack: ExitStack) -> None:
    """Make the folder this run's, unless it became another's meanwhile, and hold it."""
    if folders(task.run_folder) != task.checkpoints:
        refuse_other_run(task.experiment, task.data, task.run_folder)
    stack.enter_context(locked(task.run_folder))
    write_atomically(task.run_folder / SETTINGS, settings_text(to_plain(task.experiment)), durable=True)
