"""Training steps, and the memory that they take."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

import torch
from torch import nn

from card.bench import Bench, Factory
from card.forms import Forms
from card.report import Memory, Work
from idm.bench.entrants import DIFFUSERS
from idm.bench.entrants.ours import DIFFUSION
from idm.bench.harness import Contestant
from idm.bench.memory import step_memory
from idm.bench.sizes import Configuration, our_unet
from idm.core.types import Network
from idm.networks import Autocast, Compiled
from idm.training import TrainingSettings
from idm.training.ema import Averages, ConstantRate
from idm.training.gradients import gradient_norm
from idm.training.optimizer import make_optimizer

LEARNING_RATE = 1e-6
"""Small, so that random weights stay what they are and numbers finite."""
FORWARDS_PER_STEP = 3
"""A backward pass counts as two forward passes."""
Wrap = Callable[[Network], Network]


def training(bench: Bench, forms: Forms, batch: int, *, seconds: float) -> None:
    """Time whole optimiser steps: loss, gradients, clipping, AdamW, averaged weights; float32 weights throughout."""
    config = forms.config
    entrants: dict[str, Factory] = {
        "diffusers bfloat16": lambda: _their_step(bench, config, batch),
        "idm bfloat16": lambda: our_step(bench, our_unet(config), config, batch, Autocast),
    }
    if bench.compiles:
        entrants["idm bfloat16, compiled"] = lambda: our_step(
            bench, our_unet(config), config, batch, lambda network: Compiled(Autocast(network))
        )
    work = Work("training step", config.name, batch, batch, FORWARDS_PER_STEP * batch * forms.flops)
    bench.race(work, entrants, seconds=seconds)


def our_step(bench: Bench, network: nn.Module, config: Configuration, batch: int, wrap: Wrap) -> Contestant:
    """Hybrid loss with a learned variance, as ``idm train`` does it."""
    network = network.to(bench.device).train()
    model, settings = wrap(network), TrainingSettings(learning_rate=LEARNING_RATE)
    optimizer = make_optimizer(network.parameters(), settings)
    ema = Averages(network.state_dict(keep_vars=True), [ConstantRate(rate) for rate in settings.ema_rates])
    x = config.data(batch).clamp(-1, 1).to(bench.device)

    def update() -> None:
        t = torch.randint(DIFFUSION.num_timesteps, (batch,), device=bench.device)
        DIFFUSION.training_losses(model, x, t).loss.mean().backward()
        gradient_norm(optimizer.param_groups[0]["params"], settings.clip_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update()

    return update


def _their_step(bench: Bench, config: Configuration, batch: int) -> Contestant:
    """Its recipe for unconditional images in mixed precision: squared error, clipping, AdamW, EMAModel."""
    network = DIFFUSERS.network(config).to(bench.device).train()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE)
    ema = import_module("diffusers.training_utils").EMAModel(parameters)
    scheduler = import_module("diffusers").DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2")
    x = config.data(batch).clamp(-1, 1).to(bench.device)

    def update() -> None:
        t, noise = torch.randint(1000, (batch,), device=bench.device), torch.randn_like(x)
        with torch.autocast(bench.device.type, dtype=torch.bfloat16):
            output = network(scheduler.add_noise(x, noise, t), t).sample
        nn.functional.mse_loss(output[:, : config.channels].float(), noise).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ema.step(parameters)

    return update


def memory(bench: Bench, config: Configuration, batch: int) -> None:
    """Measure the most memory that training steps, with no, one and all levels checkpointed, and calls take."""
    for levels, name in {0: "", 1: ", 1 level checkpointed", len(config.mult): ", all levels checkpointed"}.items():
        _peak(
            bench, f"training step, bfloat16{name}", config, batch, partial(_checkpointed, bench, config, batch, levels)
        )
    _peak(bench, "forward, bfloat16", config, batch, partial(_forward, bench, config, batch))


def _peak(bench: Bench, name: str, config: Configuration, batch: int, build: Factory) -> None:
    with bench.trying(f"{config.name}, {name}, memory", bench.budget.left):
        gib = step_memory(build, bench.device) / 2**30
        bench.report.memory.append(Memory(name, config.name, batch, gib))
        print(f"  {bench.report.memory[-1]}", flush=True)


def _checkpointed(bench: Bench, config: Configuration, batch: int, levels: int) -> Contestant:
    return our_step(bench, our_unet(config, checkpoint_levels=levels), config, batch, Autocast)


def _forward(bench: Bench, config: Configuration, batch: int) -> Contestant:
    network, x = Autocast(our_unet(config).to(bench.device).eval()), config.data(batch).to(bench.device)
    time = torch.zeros(batch, device=bench.device)
    return torch.no_grad()(lambda: network(x, time))
