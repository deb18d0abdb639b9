"""What comes after the gradients: optimiser, averaged weights, norm; beside loops over tensors."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from idm.bench.harness import Contestant
from idm.bench.sizes import SMALL, TINY, Configuration, our_unet
from idm.bench.table import Plan, Row, Scope, Table
from idm.networks import UNet
from idm.training import TrainingSettings
from idm.training.ema import Averages, ConstantRate
from idm.training.gradients import gradient_norm
from idm.training.optimizer import make_optimizer

LOOP, OURS = "loop over tensors", "idm"
RATE, NO_CLIPPING = 0.9999, 0.0
SIZES = (TINY, SMALL)


def updates(scope: Scope) -> list[Plan]:
    """The three of them on the tensors of a network."""
    return [
        partial(make, config) for config in scope.sizes if config in SIZES for make in (_optimizer, _average, _norm)
    ]


def _optimizer(config: Configuration) -> Table:
    network = _with_gradients(config)
    looped = torch.optim.AdamW(network.parameters(), lr=1e-4, foreach=False, fused=False)
    return _table("step of AdamW", config, looped.step, make_optimizer(network.parameters(), TrainingSettings()).step)


def _average(config: Configuration) -> Table:
    network = our_unet(config)
    parameters, copies = list(network.parameters()), [p.detach().clone() for p in network.parameters()]

    @torch.no_grad()
    def loop() -> None:
        for average, parameter in zip(copies, parameters, strict=True):
            average.mul_(RATE).add_(parameter, alpha=1 - RATE)

    return _table(
        "average of the weights",
        config,
        loop,
        Averages(network.state_dict(keep_vars=True), [ConstantRate(RATE)]).update,
    )


def _norm(config: Configuration) -> Table:
    network = _with_gradients(config)
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    parameters = list(network.parameters())
    loop, ours = partial(_norm_in_a_loop, gradients), partial(gradient_norm, parameters, NO_CLIPPING)
    return _table("norm of the gradient", config, loop, ours)


def _norm_in_a_loop(gradients: Sequence[Tensor]) -> float:
    """Take the norm tensor by tensor, as a number each: what improved DDPM's own training loop does."""
    return sum((gradient**2).sum().item() for gradient in gradients) ** 0.5


def _with_gradients(config: Configuration) -> UNet:
    network = our_unet(config)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    return network


def _table(what: str, config: Configuration, loop: Contestant, ours: Contestant) -> Table:
    rows = {LOOP: Row(loop), OURS: Row(ours)}
    return Table("updates", f"{what}, tensors of {config.name}", rows)
