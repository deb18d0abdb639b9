"""One optimiser step: gradient, norm, guarded update, averages."""

import torch
from torch import Tensor

from idm.training.gradients import gradient_norm
from idm.training.guard import guarded_update
from idm.training.learning_rate import learning_rate
from idm.training.state import TrainingState
from idm.training.step import TrainStep


def optimiser_step(train_step: TrainStep, state: TrainingState, number: int) -> Tensor:
    """Make optimiser step ``number``, counted from 0; nothing waits for the device.

    Where there are several processes, all of them must call it.

    Args:
        train_step: makes the gradient.
        state: what changes; of a loss or gradient that is not finite only its guard and loss scale hear.
        number: completed optimiser steps.

    Returns:
        The norm of the whole gradient before clipping, on the device [].

    Raises:
        ProcessError: out of memory at a single image.
    """
    spread, settings = state.spread, train_step.settings
    batch = train_step.accumulate_gradients(state.guard.data_step(number), spread, state.meter, state.scale)
    # Of a network that is cut up, each process has a part of the gradient; the norm is of all of it.
    spread.collect_gradients()
    norm = gradient_norm(
        list(spread.parameters.values()),
        settings.clip_grad_norm,
        inverse_scale=state.scale.inverse(),
        total=lambda part: spread.total(part, train_step.ranks),
    )
    # All that follows is decided on the device: asking there would make every step wait for it.
    bad = torch.isfinite(batch.loss + norm).logical_not()
    # A scale that is too large makes gradients overflow, which is its own affair and no sign of trouble.
    state.guard.flag(number, batch, bad & ~state.scale.overflow(batch.loss, norm))
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(settings, number)
    guarded_update(state.optimizer, bad.float())
    state.scale.update(bad)
    spread.drop_gradients()
    state.averages.update()  # after a bad step as well: the count of updates is that of steps
    return norm
