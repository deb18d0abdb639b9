"""The first stage of corrective diffusion: a network learns the mean of samples given their conditions."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from idm.core.errors import NumericalError
from idm.core.progress import Listener
from idm.core.rng import derive_seed
from idm.data import Dataset, batch_indices, with_epochs
from idm.networks.needs import CONDITION
from idm.networks.residual import ResidualNetwork, mean_of
from idm.training.learning_rate import learning_rate
from idm.training.memory import in_smaller_pieces
from idm.training.settings import TrainingSettings
from idm.training.told import Given

WARMUP_SHARE = 0.05
"""Share of the steps over which the learning rate rises."""


def train_mean(
    network: ResidualNetwork,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    given: Given,
    seed: int,
    device: torch.device,
    listener: Listener,
) -> None:
    """Train the mean that residuals are without, by squared error, and leave it as it is from then on.

    Steps are ``settings.mean_steps``, at the learning rate of the whole training, which falls to 0 as a cosine. Every
    process of a job makes all of them, on the same batches.

    Args:
        network: whose mean is trained, on the device.
        dataset: the training samples, with conditions.
        settings: how training goes.
        given: arguments of a network for what a batch tells of its samples.
        seed: of the order of the data.
        device: where the network is.
        listener: hears how it gets on.

    Raises:
        NumericalError: the error is not finite.
        ProcessError: memory is short even for single samples.
    """
    steps, size, own, mean = settings.mean_steps, settings.batch_size, derive_seed(seed, "mean"), network.mean
    schedule = replace(settings, num_steps=steps, warmup_steps=round(WARMUP_SHARE * steps), decay="cosine")
    optimizer = torch.optim.AdamW(mean.train().requires_grad_(True).parameters(), weight_decay=0.0)
    order = (with_epochs(batch_indices(own, step, size, len(dataset)), step, len(dataset)) for step in range(steps))
    torch.manual_seed(derive_seed(own, "dropout"))
    error, at_once = torch.zeros(()), settings.micro_batch_size or size
    with listener.follow("learning the mean", steps) as bar:
        for step, (x, told) in enumerate(dataset.batches(order)):
            assert told is not None, "settings ask for a mean beside conditions alone"
            condition = given(told)[CONDITION]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(schedule, step)
            error, at_once = in_smaller_pieces(at_once, partial(_backward, mean, x.to(device), condition.to(device)))
            torch.nn.utils.clip_grad_norm_(mean.parameters(), settings.clip_grad_norm or float("inf"))
            optimizer.step()
            bar.advance()
    optimizer.zero_grad(set_to_none=True)  # or the next optimiser would still follow them
    mean.eval().requires_grad_(False)
    if not bool(error.isfinite()):
        raise NumericalError("training.mean_steps: a finite error wanted, got another; lower training.learning_rate")


def _backward(mean: nn.Module, x: Tensor, condition: Tensor, at_once: int) -> tuple[Tensor, int]:
    """Leave the gradient of the mean squared error with the parameters; return that error, and ``at_once``."""
    mean.zero_grad(set_to_none=True)
    error = torch.zeros((), device=x.device)
    for some, told in zip(x.split(at_once), condition.split(at_once), strict=True):
        part = (mean_of(mean, told, tuple(x.shape[1:])) - some).square().sum() / x.numel()
        part.backward()
        error += part.detach()
    return error, at_once
