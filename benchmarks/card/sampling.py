"""The network by itself, and as it is called in ancestral sampling with 250 steps."""

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import islice

import torch

from card.bench import Bench, Factory
from card.forms import Forms
from card.report import Work
from idm.bench.check import rms
from idm.bench.harness import Contestant
from idm.bench.ours import short_chain
from idm.core.types import Network
from idm.samplers import SamplerDDPM

PEER, COMPILED_PEER, PLAIN = "diffusers bfloat16", "diffusers bfloat16, compiled", "idm bfloat16"
GRAPH, COMPILED, COMPILED_GRAPH = f"{PLAIN}, graph", f"{PLAIN}, compiled", f"{PLAIN}, compiled, graph"
SHORT_WEIGHTS = "idm bfloat16 weights, graph"
QUICKLY_MADE = (PEER, PLAIN, GRAPH, SHORT_WEIGHTS)
EVERYTHING = (*QUICKLY_MADE, COMPILED, COMPILED_GRAPH, COMPILED_PEER)
"""In the order of preparation; what has to be translated comes last."""
SAME_BAR = 3e-2
"""Most that the rounding of bfloat16 in another order may do."""
Builder = Callable[[Network], Contestant]


def chosen(names: Sequence[str], forms: Forms, ours: Builder, theirs: Builder) -> dict[str, Factory]:
    """Contestants by name, of what either builder makes of a network."""
    every: dict[str, Factory] = {
        PEER: lambda: theirs(forms.peer),
        PLAIN: lambda: ours(forms.plain),
        GRAPH: lambda: ours(forms.graph),
        SHORT_WEIGHTS: lambda: ours(forms.short_weights_graph),
        COMPILED: lambda: ours(forms.compiled),
        COMPILED_GRAPH: lambda: ours(forms.compiled_graph),
        COMPILED_PEER: lambda: theirs(forms.compiled_peer),
    }
    return {name: every[name] for name in names}


def forward(bench: Bench, forms: Forms, batch: int, *, seconds: float, names: Sequence[str]) -> list[str]:
    """Time calls of the network without gradients, at one time for all images, as in a step of a chain.

    Returns:
        Names of those that took part.
    """
    x = forms.config.data(batch).to(bench.device)
    time = torch.tensor(500, device=bench.device).expand(batch)

    def ours(network: Network, x: torch.Tensor = x) -> Contestant:
        return torch.no_grad()(lambda: network(x, time))

    def theirs(network: Network) -> Contestant:
        return ours(network, x.bfloat16())

    work = Work("forward", forms.config.name, batch, batch, batch * forms.flops)
    return bench.race(work, chosen(names, forms, ours, theirs), seconds=seconds)


def chain(bench: Bench, forms: Forms, batch: int, *, steps: int, of: int, seconds: float, names: Sequence[str]) -> None:
    """Time the first ``steps`` of a chain of ``of`` steps with its noise; they all cost the same."""
    noise = forms.config.data(batch).to(bench.device)
    sampler = SamplerDDPM(short_chain(of))

    def ours(network: Network) -> Contestant:
        def some() -> None:
            for _ in islice(sampler.trajectory(network, noise), steps):
                pass

        return some

    def theirs(network: Network) -> Contestant:
        scheduler = import_module("diffusers").DDPMScheduler(
            1000, beta_schedule="squaredcos_cap_v2", variance_type="learned_range"
        )

        @torch.no_grad()
        def some() -> None:
            scheduler.set_timesteps(of, device=bench.device)
            x = noise.bfloat16()
            for t in scheduler.timesteps[:steps]:
                x = scheduler.step(network(x, t), t, x).prev_sample

        return some

    work = Work(
        f"{steps} of {of} DDPM steps", forms.config.name, batch, batch * steps / of, batch * steps * forms.flops
    )
    bench.race(work, chosen(names, forms, ours, theirs), seconds=seconds)


@torch.no_grad()
def same_results(bench: Bench, forms: Forms, batch: int, names: Sequence[str]) -> None:
    """Compare those that are replayed or translated with plain calls, as far as they took part."""
    x = forms.config.data(batch).to(bench.device)
    time = torch.tensor(500, device=bench.device).expand(batch)
    wanted = forms.plain(x, time)
    if GRAPH in names:
        bench.report.check(f"{forms.config.name}, {GRAPH}: rms", rms(forms.graph(x, time), wanted), SAME_BAR)
    if COMPILED_GRAPH in names:
        error = rms(forms.compiled_graph(x, time), wanted)
        bench.report.check(f"{forms.config.name}, {COMPILED_GRAPH}: rms", error, SAME_BAR)
