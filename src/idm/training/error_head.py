"""Training a small network that predicts the errors of a large one, which stays as it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from idm.core.errors import NumericalError
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng, derive_seed
from idm.core.tensors import nats_to_bits
from idm.core.types import Images
from idm.diffusion import Denoiser, ErrorCurve, ErrorCurves, GaussianDiffusion, PredictedError
from idm.diffusion.variances.predicted import LARGEST_LOG_KAPPA
from idm.schedules import Grid
from idm.training.head_losses import HeadLoss, Seen

LEARNING_RATE, LARGEST_GRADIENT = 2e-3, 1.0
"""Rate of AdamW at first, which falls linearly to 0; norm to which gradients are clipped."""

BELOW = 0.5
"""By how much levels are spread below the lowest one, in the logarithm of kappa: they are that one."""

LEAST_ERROR = 0.25
"""Least error that counts, as a multiple of kappa^2 of the lowest level: with the usual noise floor a deviation of a
quarter of a grey level."""

SHARE_COUNTED = 0.1
"""Share of the steps, the last ones, whose samples tell what the head is worth."""

Draw = Callable[[int, int], tuple[Images, Denoiser]]
"""Given the step and how many: clean training data, and the denoiser of them."""


@dataclass(frozen=True)
class HeadFit:
    """What a head is worth, on the samples of the last steps of its training, whose noise it had not seen.

    Attributes:
        num_steps: optimiser steps.
        bits: what a step to half the noise-to-signal ratio costs with the errors that it predicts, in bits/dim,
            averaged over the levels.
        bits_of_curves: the same of the curves that it began with.
    """

    num_steps: int
    bits: float
    bits_of_curves: float


@final
@dataclass(frozen=True, eq=False)
class HeadTraining:
    """How a network is trained to be that of a ``PredictedError``.

    Every batch is spread over the levels of the chain, as evenly in the logarithm of kappa as they lie.

    Attributes:
        diffusion: the process of the large network.
        curve: the error that the small one begins with.
        draw: clean data, and the large network's denoiser of them.
        loss: what is learned.
        num_steps: optimiser steps.
        batch_size: samples for each.
        seed: of levels and noise.
    """

    diffusion: GaussianDiffusion
    curve: ErrorCurve | ErrorCurves
    draw: Draw
    loss: HeadLoss
    num_steps: int
    batch_size: int
    seed: int = 0

    def train(self, network: nn.Module, listener: Listener = SILENT) -> HeadFit:
        """Train the small network, which is as new; the listener hears of steps.

        Raises:
            NumericalError: the loss is not finite.
        """
        rule = PredictedError(self.diffusion.variance, self.curve, network)
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
        num_steps, costs = self.num_steps, list[Tensor]()
        counted = max(1, round(SHARE_COUNTED * num_steps))
        with listener.follow("training head", num_steps) as bar:
            for step in range(num_steps):
                seed = derive_seed(self.seed, "head", step) >> 16
                seen = _see(self.diffusion, *self.draw(step, self.batch_size), seed)
                log_error = rule.reads(seen.found, seen.x, seen.at)
                value = self.loss.of(seen, log_error).mean()
                optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1.0 - step / num_steps)
                _update(network, optimizer, value)
                if step >= num_steps - counted:
                    costs.append(_costs(seen, log_error.detach(), self.curve))
                bar.advance(status=f"loss {float(value.detach()):.4g}")
        bits, of_curves = nats_to_bits(torch.stack(costs).mean(0)).tolist()
        return HeadFit(num_steps, bits, of_curves)


def _see(diffusion: GaussianDiffusion, clean: Tensor, denoise: Denoiser, seed: int) -> Seen:
    """Put a batch on levels, spread over all, and let the large network look at it."""
    number = len(clean)
    chosen = _places(diffusion.grid, number, float(Rng.from_seed(seed, 1).uniform("levels")))
    noise = Rng.from_seed(seed, number, clean.device).normal("head", 0, clean.shape[1:], clean.dtype)
    with torch.no_grad():
        at = diffusion.transition(chosen, clean).up
        x = at.diffuse(clean, noise)
        return Seen(clean, noise, x, denoise(x, at), at, LEAST_ERROR * float(diffusion.grid.levels.kappa[0]) ** 2)


def _places(grid: Grid, number: int, shift: float) -> Tensor:
    """Return ``number`` places of a grid, evenly in the logarithm of kappa, which a shift in [0, 1) moves.

    Some more are the lowest one, where the variance of the decoder is the error itself; none has more noise than the
    time of a head tells.
    """
    log_kappa = torch.log(grid.levels.kappa)
    first = float(log_kappa[0])
    last = max(first, min(float(log_kappa[-1]), LARGEST_LOG_KAPPA))
    wanted = first - BELOW + (torch.arange(number) + shift) / number * (last - first + BELOW)
    return torch.searchsorted(0.5 * (log_kappa[1:] + log_kappa[:-1]), wanted.to(log_kappa))


def _update(network: nn.Module, optimizer: torch.optim.Optimizer, value: Tensor) -> None:
    """Take a step.

    Raises:
        NumericalError: there is none to take.
    """
    if not bool(torch.isfinite(value)):
        raise NumericalError(
            "error head: a finite loss wanted, got another; the network's predictions of x_0 are at fault"
        )
    optimizer.zero_grad()
    value.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimizer.step()


def _costs(seen: Seen, log_error: Tensor, curve: ErrorCurve | ErrorCurves) -> Tensor:
    """Mean cost of a step to half of kappa with the predicted errors, and with those of the curve."""
    of_curve = curve.log_error_within(torch.log(seen.at.kappa))
    c = seen.at.kappa**2 / 3.0  # of (2 / kappa)^2 - (1 / kappa)^2
    return torch.stack([seen.cost(each, c).mean() for each in (log_error, of_curve)])
