"""Other weights than those that a run is used with, for autoguidance: earlier ones, and narrower averages."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from idm.core.errors import CheckpointError, SettingsError
from idm.core.text import one_line, shown
from idm.run.loaded import Loaded
from idm.run.stored import UNFIT
from idm.storage import Checkpoint
from idm.storage.manifest import damage, step_of
from idm.storage.retention import folders
from idm.training import ema_name
from idm.training.snapshots import PREFIX, SNAPSHOTS, stored_averages

WORSE_AT = 0.25
"""Share of the steps after which weights are the worse version that is taken where none is named: the nearest."""

WEIGHTS = re.compile(r"network|(ema|power)-[0-9.e-]{1,20}")
"""Names of weights in a checkpoint."""

LISTED_STEPS = 10
"""Most of the stored steps that are told to those who want another."""


@final
@dataclass(frozen=True)
class Version:
    """Weights that a run keeps besides those it is used with.

    Attributes:
        step: completed optimiser steps.
        folder: the checkpoint or snapshot.
        name: of the file in it, without its ending.
    """

    step: int
    folder: Path
    name: str

    def __str__(self) -> str:
        """Step and name."""
        return f"step {self.step:,}, {self.name}"


@final
@dataclass(frozen=True, eq=False)
class Worse:
    """A worse version of a run.

    Attributes:
        run: the run with its weights.
        version: which weights.
        asked: what names them.
    """

    run: Loaded
    version: Version
    asked: str

    def __str__(self) -> str:
        """Say which weights they are."""
        return str(self.version)


def worse_version(run: Loaded, asked: str | None) -> Worse:
    """Return a run with the weights of a worse version of it.

    Args:
        run: the trained model.
        asked: the step of an earlier checkpoint or snapshot, or the name of other weights in the run's own checkpoint
            (``network``, ``ema-0.99``, ``power-0.05``). None: the earlier step nearest to a quarter of the run's.

    Raises:
        SettingsError: the run keeps no such weights.
        CheckpointError: they are damaged, or those of another network.
    """
    version = _chosen(run, asked)
    if problem := damage(version.folder):
        raise CheckpointError(f"weights {version.folder}: damaged ({problem}); name another step")
    network = copy.deepcopy(run.network)
    try:
        weights = Checkpoint(version.folder).tensors(version.name)
        left = network.load_state_dict(weights, strict=False)
        if left.unexpected_keys or not weights:
            raise ValueError(f"unknown {', '.join(left.unexpected_keys[:3])}")
    except CheckpointError:
        raise
    except UNFIT as error:
        raise CheckpointError(
            f"weights {version.folder}: those of this network wanted, got others ({one_line(error)}); name another step"
        ) from error
    other = replace(run, network=network.eval().requires_grad_(False), step=version.step)
    return Worse(other, version, version.name if version.step == run.step else str(version.step))


def _chosen(run: Loaded, asked: str | None) -> Version:
    """Find the weights that are asked for.

    Raises:
        SettingsError: there are none such.
    """
    if asked is not None and not asked.isdecimal():
        return _of_checkpoint(run, asked)
    earlier = list(earlier_versions(run))
    if not earlier:
        raise SettingsError(f"autoguidance: earlier weights of the run wanted, it keeps none{_way_out(run)}")
    if asked is None:
        return min(earlier, key=lambda version: abs(version.step - WORSE_AT * run.step))
    found = [version for version in earlier if version.step == int(asked)]
    if not found:
        steps = sorted({version.step for version in earlier})
        some = f"{'..., ' if len(steps) > LISTED_STEPS else ''}{', '.join(map(str, steps[-LISTED_STEPS:]))}"
        raise SettingsError(f"autoguidance_from: an earlier step that is kept wanted, got {asked}; choose from {some}")
    return found[0]


def earlier_versions(run: Loaded) -> Iterator[Version]:
    """Yield one version of every earlier step that a run keeps: the narrowest average, else what it is sampled with."""
    home = run.folder
    if home.parent.name == SNAPSHOTS:  # an average that was made afterwards lies among those it was made of
        home = home.parent.parent
    for path in stored_averages(home):
        widths = sorted(file.stem for file in path.glob(f"{PREFIX}*.safetensors"))
        if widths and (step_of(path) or 0) < run.step:
            yield Version(step_of(path) or 0, path, widths[0])
    usual = ema_name(run.experiment.training.ema_rates[0])
    for path in folders(home):
        if (step_of(path) or 0) < run.step:
            yield Version(step_of(path) or 0, path, usual)


def _of_checkpoint(run: Loaded, name: str) -> Version:
    """Find other weights in the checkpoint of a run.

    Raises:
        SettingsError: there are none of that name, or they are those that it is used with.
    """
    others = _others_in_checkpoint(run)
    if run.checkpoint is None or name not in others:
        known = f"; choose from {', '.join(others)}, or an earlier step" if others else _way_out(run)
        raise SettingsError(
            f"autoguidance_from: an earlier step, or other weights in the run's checkpoint, wanted, got {shown(name)}"
            f"{known}"
        )
    return Version(run.step, run.checkpoint, name)


def _others_in_checkpoint(run: Loaded) -> list[str]:
    """Names of weights in a run's checkpoint that it is not used with."""
    files = [] if run.checkpoint is None else sorted(file.stem for file in run.checkpoint.glob("*.safetensors"))
    usual = ema_name(run.experiment.training.ema_rates[0])
    return [name for name in files if WEIGHTS.fullmatch(name) and name != usual]


def _way_out(run: Loaded) -> str:
    """Say what works where a run keeps nothing earlier."""
    others = _others_in_checkpoint(run)
    if others:
        return f"; take other weights of the same step, such as autoguidance_from={others[0]}"
    interval = max(1, run.step // 10)
    return f"; train one with training.snapshot_interval={interval}, which keeps averages along the way"
