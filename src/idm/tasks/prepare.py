"""Opening and building all that a training needs, and refusing what does not fit together."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from idm.core.errors import CheckpointError, DataError, SettingsError
from idm.core.passes import passes_shown_by
from idm.core.progress import SILENT, warn
from idm.core.ranks import Ranks
from idm.core.text import counted, one_line
from idm.diffusion import GaussianDiffusion
from idm.networks.residual import ResidualNetwork
from idm.networks.stored import with_shapes
from idm.run import Data, build_diffusion, build_network, build_sampler, open_data
from idm.run.opened_source import with_absolute_path
from idm.run.stored import UNFIT
from idm.schedules.cosine import UNSHIFTED_SIDE_PIXELS
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.validate import flat
from idm.storage.manifest import LARGEST_JSON_BYTES, as_text
from idm.storage.retention import folders
from idm.tasks.initial import InitialWeights, Origin, begin_with, origin_of_run
from idm.tasks.resume import (
    MACHINE_SETTINGS,
    refuse_other_run,
    remembered_data,
    stored_shapes,
    with_range_of_run,
    with_sigma_data,
)
from idm.tasks.task import NETWORK_CODE, SOURCE_CODE, Task, Wish
from idm.training.regression import train_mean


def prepare(wish: Wish, device: torch.device, ranks: Ranks) -> Task:
    """Open the data and build everything, the sampler included; nothing is written.

    Raises:
        IdmError: as of ``train``.
    """
    run_folder = wish.run_folder
    experiment = from_plain(Experiment, to_plain(with_absolute_path(wish.experiment)))  # checked, whoever made it
    experiment = with_range_of_run(experiment, run_folder)
    before = remembered_data(run_folder)
    with passes_shown_by(wish.listener if ranks.is_main else SILENT):
        data = open_data(experiment.data, seed=experiment.seed, trust_code=wish.trusts(SOURCE_CODE), before=before)
    experiment = with_sigma_data(experiment, data, run_folder)
    experiment = wish.adapt(experiment, data.spec.num_train)
    if experiment.training.batch_size < ranks.size:
        raise SettingsError(
            f"training.batch_size: an image for each of the {ranks.size} processes wanted, "
            f"got {experiment.training.batch_size}; start fewer processes"
        )
    _refuse_long_names(data)
    diffusion = build_diffusion(experiment, data.spec)
    checkpoints, shapes = ranks.on_main(lambda: _stored(experiment, data, run_folder))
    if shapes is None:
        _refuse_side(experiment, data)
    network = _network(experiment, data, diffusion, shapes, wish)
    origin = _begun(network, experiment, data, wish, ranks)
    network = network.to(device)
    if shapes is None and isinstance(network, ResidualNetwork):
        seed, listener = experiment.seed, wish.listener if ranks.is_main else SILENT
        given: dict[str, Any] = {
            "given": data.spec.label_kind.given,
            "seed": seed,
            "device": device,
            "listener": listener,
        }
        train_mean(network, data.train, experiment.training, **given)
    timesteps = experiment.timesteps.build(num_timesteps=diffusion.num_timesteps, grid=diffusion.grid)
    build_sampler(diffusion, experiment.sampler)
    _refuse_disagreement(ranks, experiment, data)
    return Task(wish, experiment, data, diffusion, network, timesteps, device, ranks, origin, checkpoints)


def _begun(network: nn.Module, experiment: Experiment, data: Data, wish: Wish, ranks: Ranks) -> Origin | None:
    """Give the network of a new run its first weights, with a warning of what begins anew; say where they are from.

    Raises:
        SettingsError: weights that do not fit, or the run's own.
        CheckpointError: there are none.
    """
    run_folder, init = wish.run_folder, wish.init
    if init is not None and run_folder.resolve() in (init.resolve(), *init.resolve().parents):
        raise SettingsError(f"out={run_folder}: another folder than that of the run to begin with wanted, got the same")
    if init is None or folders(run_folder):
        return origin_of_run(run_folder)
    initial = InitialWeights.read(init)
    for note in begin_with(initial, network, experiment, data.spec):
        if ranks.is_main:
            warn(note)
    return initial.origin


def _stored(experiment: Experiment, data: Data, run_folder: Path) -> tuple[list[Path], list[tuple[int, ...]] | None]:
    """Return the checkpoints of a run that may be continued, and the shapes of its weights; None where it begins."""
    checkpoints, newest = folders(run_folder), refuse_other_run(experiment, data, run_folder)
    return checkpoints, None if newest is None else stored_shapes(newest, experiment.training)


def _network(
    experiment: Experiment, data: Data, diffusion: GaussianDiffusion, shapes: list[tuple[int, ...]] | None, wish: Wish
) -> nn.Module:
    """Build the network; where training goes on, nothing but what weights are stored of.

    Raises:
        SettingsError: settings that do not fit the data.
        CheckpointError: settings of a run that do not fit its weights.
    """
    out_channels = diffusion.out_channels(data.spec.shape[0])
    if shapes is None:
        return build_network(experiment, data.spec, out_channels, trust_code=wish.trusts(NETWORK_CODE))
    try:
        with with_shapes(shapes):
            return build_network(experiment, data.spec, out_channels, trust_code=wish.trusts(NETWORK_CODE))
    except UNFIT as error:
        raise CheckpointError(
            f"run {wish.run_folder}: its settings do not fit its weights ({one_line(error)}); use another run"
        ) from error


def _refuse_side(experiment: Experiment, data: Data) -> None:
    """Refuse a schedule that is shifted for the size of pictures where data have no sides, by a ``SettingsError``."""
    side, shape = experiment.schedule.get("side"), data.spec.shape
    if side not in (None, UNSHIFTED_SIDE_PIXELS) and len(shape) == 1:
        raise SettingsError(
            f"schedule.side: {UNSHIFTED_SIDE_PIXELS}, which shifts nothing, wanted for points of "
            f"{counted(shape[0], 'value')} without sides, got {side}; leave it out"
        )


def _refuse_long_names(data: Data) -> None:
    """Refuse more names of classes than a checkpoint can hold, before anything is trained.

    Raises:
        DataError: they are too many, or too long.
    """
    size = len(as_text(data.spec.to_plain()).encode("utf-8"))
    if size > LARGEST_JSON_BYTES:
        raise DataError(
            f"data: names of {data.spec.num_classes:,} classes in at most {LARGEST_JSON_BYTES:,} bytes wanted, "
            f"got {size:,}; give fewer classes or shorter names"
        )


def _refuse_disagreement(ranks: Ranks, experiment: Experiment, data: Data) -> None:
    """Refuse to train together on what is not the same everywhere; where the data lie may differ.

    Raises:
        SettingsError: settings differ between processes.
        DataError: data do.
    """
    settings = {key: value for key, value in flat(to_plain(experiment)).items() if not key.startswith(MACHINE_SETTINGS)}
    found = ranks.gather((repr(settings), repr(data.spec.to_plain()), len(data.train), len(data.held_out)))
    for rank, (theirs, *their_data) in enumerate(found):
        wanted = f"process {rank} of {ranks.size}: the {{}} of process 0 wanted, got others; give all the same"
        if theirs != found[0][0]:
            raise SettingsError(wanted.format("settings"))
        if their_data != list(found[0][1:]):
            raise DataError(wanted.format("data"))
