"""What a training was asked for, and what is built for it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from idm.core.errors import SettingsError
from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.diffusion import GaussianDiffusion
from idm.run import Data, Run
from idm.settings import Experiment
from idm.tasks.initial import Origin
from idm.timesteps import LevelSampler
from idm.training import Deadline, Tracker

SOURCE_CODE, NETWORK_CODE = "data.source.make", "network.make"
"""The settings that name code."""

Preview = Callable[[int, Run], str | Path | None]
"""Shows a model in training: given the step and the model so far; returns the picture that it wrote, if it did.

It is called less often where that takes long; a stop leaves it by ``StopError``.
"""


@dataclass(frozen=True, eq=False)
class Start:
    """What is about to be trained.

    Attributes:
        experiment: everything that defines the run, ``adapt``ed.
        data: the opened data.
        diffusion: the process.
        network: the network, on its device.
        device: where it is trained.
        num_steps_done: optimiser steps done before, above 0 in a resumed run.
        num_processes: how many processes train together.
        origin: where the weights came from that the run began with; None: they were random.
    """

    experiment: Experiment
    data: Data
    diffusion: GaussianDiffusion
    network: nn.Module
    device: torch.device
    num_steps_done: int
    num_processes: int = 1
    origin: Origin | None = None


Announce = Callable[[Start], None]
"""Told what is about to be trained, once everything is known to fit together."""

Adapt = Callable[[Experiment, int], Experiment]
"""Given an experiment and how many samples there are to train on: the experiment with settings that suit them."""


def as_it_is(experiment: Experiment, num_train: int) -> Experiment:
    """Adapt nothing."""
    return experiment


@dataclass(frozen=True, eq=False)
class Wish:
    """What a call of ``train`` asks for, whose arguments these are; ``deadline`` is after its ``max_seconds``."""

    experiment: Experiment
    run_folder: Path
    init: Path | None
    adapt: Adapt
    announce: Announce | None
    preview: Preview | None
    trackers: Sequence[Tracker]
    deadline: Deadline
    listener: Listener
    trust_code: bool
    trusted: Collection[str] = ()

    def __post_init__(self) -> None:
        """Refuse what is no experiment.

        Raises:
            SettingsError: it is something else.
        """
        if not isinstance(cast(object, self.experiment), Experiment):
            kind = type(self.experiment).__name__
            raise SettingsError(f"experiment: an Experiment wanted, such as that of idm.load(RUN), got {kind}")

    def trusts(self, setting: str) -> bool:
        """Whether the code that a setting names may be called."""
        return self.trust_code or setting in self.trusted


@dataclass(frozen=True, eq=False)
class Task:
    """What is trained, built and known to fit together.

    Attributes:
        wish: what was asked for.
        experiment: the same settings with every option written out, adapted to the data.
        data: the opened data.
        diffusion: the process.
        network: the network, on its device.
        timesteps: draws the levels that are trained on.
        device: where it is trained.
        ranks: the processes of the job.
        origin: where the weights came from that the run began with; None: they were random.
        checkpoints: those that the folder held before.
    """

    wish: Wish
    experiment: Experiment
    data: Data
    diffusion: GaussianDiffusion
    network: nn.Module
    timesteps: LevelSampler
    device: torch.device
    ranks: Ranks
    origin: Origin | None
    checkpoints: list[Path]

    @property
    def run_folder(self) -> Path:
        """Folder of the run."""
        return self.wish.run_folder
