"""Whether the network does in float32, bfloat16, other layouts and batches what it does in float64."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from idm.bench.check import FORWARD_TOLERANCE, LOSS_TOLERANCE, Check, largest, rms
from idm.bench.ours import DIFFUSION, OUR_BFLOAT16, short_chain
from idm.bench.sizes import SMALL, TINY, Build, Configuration, our_unet
from idm.likelihood import calc_bpd_loop

BATCH, NUM_TERMS = 2, 16
CHECKED = (TINY, SMALL)
"""Sizes that are checked; the larger one has the same code."""
GRADIENT_TOLERANCE, BFLOAT16_TOLERANCE, TERMS_TOLERANCE = 1e-5, 2e-2, 1e-5


def check_numerics(sizes: Sequence[Configuration] = CHECKED, build: Build = our_unet) -> list[Check]:
    """Compare the network with itself in float64 and in other layouts, and the bound in batches with single terms.

    Args:
        sizes: networks; those that are among ``CHECKED`` are looked at, or the smallest of these where none is.
        build: builds the network.
    """
    checked = [config for config in sizes if config in CHECKED] or CHECKED[:1]
    return [check for config in checked for check in _checks(config, build(config).eval())]


def _checks(config: Configuration, network: nn.Module) -> Iterator[Check]:
    exact = copy.deepcopy(network).double()
    x, time = config.data(BATCH), torch.tensor([20.0, 700.0])
    with torch.no_grad():
        wanted = exact(x.double(), time.double())
        plain, short = network(x, time), OUR_BFLOAT16.in_format(network)(x, time)
        moved: Any = copy.deepcopy(network)
        moved = moved.to(memory_format=torch.channels_last)
        layout = moved(x.contiguous(memory_format=torch.channels_last), time)
    contiguous = network(x, time).detach()  # as in training: calls without gradients may choose the other layout
    yield Check(f"{config.name}, forward in float32 against float64", largest(plain, wanted), FORWARD_TOLERANCE)
    yield Check(f"{config.name}, forward in bfloat16 against float64, rms", rms(short, wanted), BFLOAT16_TOLERANCE)
    yield Check(f"{config.name}, channels_last against contiguous", largest(layout, contiguous), FORWARD_TOLERANCE)
    loss, gradient = _loss_and_gradient(network, config, torch.float32)
    exact_loss, exact_gradient = _loss_and_gradient(exact, config, torch.float64)
    yield Check(f"{config.name}, loss in float32 against float64", rms(loss, exact_loss), LOSS_TOLERANCE)
    yield Check(
        f"{config.name}, gradient in float32 against float64, norm", rms(gradient, exact_gradient), GRADIENT_TOLERANCE
    )
    chain, clean = short_chain(NUM_TERMS), config.data(1).clamp(-1, 1)
    single, batched = (calc_bpd_loop(chain, network, clean, batch_size=size).vb for size in (1, NUM_TERMS))
    yield Check(
        f"{config.name}, bound terms in a batch against one at a time", largest(batched, single), TERMS_TOLERANCE
    )


def _loss_and_gradient(network: nn.Module, config: Configuration, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean hybrid loss of fixed images, steps and noise, and its whole gradient as one vector."""
    x, noise = config.data(BATCH).clamp(-1, 1), config.data(2 * BATCH)[BATCH:]
    t = torch.tensor([20, 700])
    loss = DIFFUSION.training_losses(network, x.to(dtype), t, noise=noise.to(dtype)).loss.mean()
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    return loss.detach(), torch.cat([gradient.flatten() for gradient in gradients])
