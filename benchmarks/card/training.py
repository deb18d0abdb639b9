"""Training steps, and the memory that they take: those of ``idm bench``, on the card and in bfloat16."""

from dataclasses import replace
from functools import partial

import torch

from card.bench import Bench, Factory
from card.forms import Forms
from card.report import Memory, Work
from idm.bench.entrant import Entrant
from idm.bench.memory import step_memory
from idm.bench.ours import OUR_BFLOAT16, Ours
from idm.bench.sizes import Configuration
from idm.bench.workloads.networks import BACKWARD_AND_FORWARD
from speed.peers import DIFFUSERS


def training(bench: Bench, forms: Forms, batch: int, *, seconds: float) -> None:
    """Time whole optimiser steps; all keep weights in float32, compute under autocast and have the fused AdamW."""
    config, ours = forms.config, _ours(bench)
    theirs = replace(DIFFUSERS, name="diffusers bfloat16", dtype=torch.bfloat16, device=bench.device, fused=True)
    entrants: list[Entrant] = [theirs, ours]
    if bench.compiles:
        entrants.append(replace(ours, name=f"{ours.name}, compiled", compiled=True))
    work = Work("training step", config.name, batch, batch, BACKWARD_AND_FORWARD * batch * forms.flops)
    steps: dict[str, Factory] = {one.name: partial(one.training_step, config, batch) for one in entrants}
    bench.race(work, steps, seconds=seconds)


def memory(bench: Bench, config: Configuration, batch: int) -> None:
    """Measure the most memory that training steps, with no, one and all stages checkpointed, and calls take."""
    ours = _ours(bench)
    for stages, name in {0: "", 1: ", 1 stage checkpointed", len(config.mult): ", all stages checkpointed"}.items():
        step = partial(ours.checkpointed(stages).training_step, config, batch)
        _peak(bench, f"training step, bfloat16{name}", config, batch, step)
    _peak(bench, "forward, bfloat16", config, batch, partial(ours.forward, config, batch))


def _ours(bench: Bench) -> Ours:
    return replace(OUR_BFLOAT16, device=bench.device)


def _peak(bench: Bench, name: str, config: Configuration, batch: int, build: Factory) -> None:
    with bench.trying(f"{config.name}, {name}, memory", bench.budget.left):
        gib = step_memory(build, bench.device) / 2**30
        bench.report.memory.append(Memory(name, config.name, batch, gib))
        print(f"  {bench.report.memory[-1]}", flush=True)
