"""Opening a run, or one checkpoint of it."""

from pathlib import Path

import torch

from idm.core.errors import CheckpointError, DataError
from idm.core.text import one_line
from idm.networks.stored import with_shapes
from idm.run.build import build_diffusion, untried_network
from idm.run.calibrate import calibrated
from idm.run.devices import best_device
from idm.run.run import Run
from idm.run.stored import UNFIT, stored_experiment, stored_spec
from idm.storage import Checkpoint
from idm.storage.newest import read_newest
from idm.storage.retention import FOLDER
from idm.training import ema_name


def load(path: str | Path, *, device: str | None = None, trust_code: bool = False) -> Run:
    """Open a run folder (its newest intact checkpoint) or one checkpoint.

    Args:
        path: a folder written by ``idm train``, or a checkpoint folder in it.
        device: where to put the network; the best one found by default.
        trust_code: whether the code that a run with a custom network or source names may be imported and called, the
            latter where its own data are opened. A run is data: without this nothing in it is run.

    Raises:
        CheckpointError: nothing there, or damaged.
    """
    where = best_device(device)
    return read_newest(Path(path), lambda checkpoint: _opened(checkpoint, where, trust_code=trust_code))


def _opened(checkpoint: Checkpoint, where: torch.device, *, trust_code: bool) -> Run:
    """Open a checkpoint; errors as of ``load``."""
    try:
        experiment = stored_experiment(checkpoint)
        spec = stored_spec(checkpoint)
        diffusion = build_diffusion(experiment, spec)
        weights = checkpoint.tensors(ema_name(experiment.training.ema_rates[0]))
        with with_shapes(tuple(value.shape) for value in weights.values()):
            network = untried_network(experiment, spec, diffusion.out_channels(spec.shape[0]), trust_code=trust_code)
        network.load_state_dict(weights)
        diffusion = calibrated(diffusion, checkpoint.document("calibration"))
    except CheckpointError:
        raise
    except DataError as error:
        raise CheckpointError(f"checkpoint {checkpoint.path}: {'; '.join(error.lines)}") from error
    except UNFIT as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.path}: not readable by this version ({one_line(error)})"
        ) from error
    network = network.to(where).eval().requires_grad_(False)
    return Run(
        folder_of(checkpoint.path),
        checkpoint.path,
        checkpoint.step,
        experiment,
        spec,
        network,
        diffusion,
        where,
        trust_code=trust_code,
        sha256=checkpoint.sha256,
    )


def folder_of(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint is of; one that lies in no run is its own."""
    return checkpoint.parent.parent if checkpoint.parent.name == FOLDER else checkpoint
