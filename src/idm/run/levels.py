"""Errors of a run over noise levels, on held-out data and on its training data, beside the least there can be."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.estimate import Estimate
from idm.core.level_errors import LevelErrors, memorised
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.data import Dataset
from idm.likelihood import level_errors, x_start_errors
from idm.metrics import LevelScores
from idm.oracles import EmpiricalDenoiser
from idm.run.bound_request import BoundRequest
from idm.run.data import Data
from idm.run.held_out_bounds import pair
from idm.run.opened import Opened
from idm.schedules import Grid

NUM_LEVELS, MOST_SAMPLES = 16, 512
"""Levels that are looked at, and most samples of either kind where no number is given."""

HIGHEST_KAPPA_SHOWN = 100.0
"""Highest noise-to-signal ratio that is looked at, if the grid goes that far: nothing of a sample is left above."""

MOST_TRAINING_VALUES = 2**24
"""Most values of a training set whose optimum is computed, which is summed over all of it for every noisy sample."""


def places_of(run: Opened) -> list[int]:
    """Return the levels that are looked at, from the lowest one on."""
    grid = run.diffusion.grid
    return places_near(grid, np.geomspace(float(grid.levels.kappa[0]), HIGHEST_KAPPA_SHOWN, NUM_LEVELS))


def places_near(grid: Grid, kappas: NDArray[np.float64]) -> list[int]:
    """Return the places whose kappa is nearest, in its logarithm, to any of those; where several are, they are one."""
    log_kappa = torch.log(grid.levels.kappa).numpy()
    return np.unique(np.abs(log_kappa - np.log(kappas)[:, None]).argmin(1)).tolist()


def counts_of(data: Data, wanted: BoundRequest) -> tuple[int, int]:
    """Return how many held-out samples are looked at, and how many training samples."""
    most = wanted.num or MOST_SAMPLES
    return min(most, len(data.held_out)), min(most, data.train.num_read)


def level_scores(run: Opened, data: Data, wanted: BoundRequest, listener: Listener = SILENT) -> LevelScores:
    """Evaluate errors over noise levels of the first held-out and the first training samples; sample i has seed + i.

    Raises:
        NumericalError: errors are not finite.
    """
    places, optimum = places_of(run), best_of_training(run, data)
    given: dict[str, Any] = {"seed": wanted.seed, "batch_size": wanted.batch_size, "listener": listener}
    held_out, training = counts_of(data, wanted)
    others = errors_of(run, data.held_out, range(held_out), places, **given)
    own = errors_of(run, data.train, range(training), places, optimum, **given) if training else None
    return LevelScores(others, own)


def errors_of(
    run: Opened,
    dataset: Dataset,
    numbers: range,
    places: Sequence[int],
    optimum: EmpiricalDenoiser | None = None,
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> LevelErrors:
    """Evaluate errors of the samples of those numbers; sample i has the noise of seed + i.

    Args:
        run: the trained model.
        dataset: whose samples.
        numbers: which of them.
        places: steps of the chain.
        optimum: the best denoiser of the training set, whose errors stand beside; None: they are not known.
        seed: of the noise.
        batch_size: samples per call of the network.
        listener: hears how it gets on.

    Raises:
        NumericalError: errors are not finite.
    """
    x, y = dataset.batch(np.arange(numbers.start, numbers.stop))
    x = x.to(run.device)
    given: dict[str, Any] = {"seed": seed + numbers.start, "batch_size": batch_size}
    found = level_errors(run.diffusion, run.scoring_denoiser(y), x, places, listener=listener, **given)
    require_finite(found.x_start, "errors over noise levels")
    found = _in_data_units(found, places, run)
    if optimum is None:
        return found
    best = optimum.denoiser(told_to(optimum, y, run.device))
    return replace(found, optimum=x_start_errors(run.diffusion, best, x, places, **given))


def _in_data_units(found: LevelErrors, places: Sequence[int], run: Opened) -> LevelErrors:
    """A density changes with the units of the data; the decoder's term, at place 0, carries the change."""
    if found.bits_per_dim is None:
        return found
    is_decoder = torch.tensor([place == 0 for place in places])
    return replace(found, bits_per_dim=found.bits_per_dim + run.spec.codec.log2_scale * is_decoder)


def knows_best_of_training(run: Opened, data: Data) -> bool:
    """Whether the denoiser of the training set's own distribution is computed.

    It is not where there is nothing to train on, more than 2^24 values of it, samples that are cut out at other places
    in every epoch, or labels that are numbers or conditions, by which each sample is known.
    """
    train = data.train
    too_many = len(train) * math.prod(train.shape) > MOST_TRAINING_VALUES
    are_numbers = train.labels is not None and train.classes is None
    is_known = are_numbers or run.spec.label_kind.are_fields
    return not (len(train) == 0 or too_many or is_known or run.experiment.data.random_crop)


def best_of_training(run: Opened, data: Data) -> EmpiricalDenoiser | None:
    """Return the denoiser of the training set's own distribution, which minimises every loss on it.

    It reads all of the training set. None where it is not computed; see ``knows_best_of_training``.
    """
    if not knows_best_of_training(run, data):
        return None
    train = data.train
    x, y = train.batch(np.arange(len(train)))
    return EmpiricalDenoiser(run.diffusion, x.to(run.device), None if y is None else y.to(run.device))


def told_to(optimum: EmpiricalDenoiser, y: Tensor | None, device: torch.device) -> dict[str, Tensor]:
    """Return what the optimum of a training set is told of samples: classes y, where it knows any."""
    return {} if y is None or optimum.components.labels is None else {"y": y.to(device)}


def levels_to_plain(found: LevelScores) -> dict[str, Any]:
    """Return JSON-able values, numbers that are not finite among them; lists have an entry for each level."""
    plain: dict[str, Any] = {"kappa": found.held_out.kappa.tolist(), "held_out": _columns(found.held_out)}
    if found.training is None:
        return plain
    shares = memorised(found.training, found.held_out)
    excess = None if shares.excess is None else pair(shares.excess)
    return plain | {"training": _columns(found.training), "train_gap": pair(shares.share), "excess_loss": excess}


def _columns(errors: LevelErrors) -> dict[str, Any]:
    columns = {
        "bits_per_dim": errors.bits_per_dim,
        "x_start_mse": errors.x_start,
        "eps_mse": errors.eps,
        "optimal_x_start_mse": errors.optimum,
        "excess": errors.excess,
    }
    known = {name: values for name, values in columns.items() if values is not None}
    means = {name: [Estimate.of(column) for column in values.T] for name, values in known.items()}
    told = {name: [one.mean for one in each] for name, each in means.items()}
    off = {f"{name}_error": [one.standard_error for one in each] for name, each in means.items()}
    return {"num": len(errors.x_start)} | told | off
