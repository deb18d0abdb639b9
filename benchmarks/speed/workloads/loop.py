"""What the sampling loop costs beside the network: a small network on points, where it shows."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from idm.bench.harness import Contestant
from idm.bench.table import Plan, Row, Table
from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.networks import MLP
from idm.samplers import (
    MultistepRule,
    Sampler,
    SamplerDDIM,
    SamplerDDPM,
    SamplerFitted,
    SamplerHeun,
    SamplerMultistep,
)
from idm.schedules import cosine_schedule

STEPS = 100
BATCHES = (1, 512)
VARIANCES = {"fixed variance": ModelVarType.FIXED_SMALL, "learned variance": ModelVarType.LEARNED_RANGE}
BARE, BARE_TWICE = "bare calls of the network", "bare calls, two a step"
DDPM, DDIM = "DDPM loop", "DDIM loop"

ONE_CALL: Mapping[str, Callable[[GaussianDiffusion], Sampler]] = {
    DDPM: SamplerDDPM,
    DDIM: SamplerDDIM,
    "DDIM loop, eta 1": partial(SamplerDDIM, eta=1.0),
    "multistep loop, order 1": partial(SamplerMultistep, order=1, corrector=False),
    "multistep loop, order 2": partial(SamplerMultistep, corrector=False),
    "multistep loop, order 3": partial(SamplerMultistep, order=3, corrector=False),
    "UniPC-2 loop": SamplerMultistep,
    "UniPC-3 loop": partial(SamplerMultistep, order=3),
    "UniPC-2 loop, tau 1": partial(SamplerMultistep, tau=1.0),
    "DEIS-3 loop": partial(SamplerMultistep, order=3, corrector=False, rule=MultistepRule.DEIS),
    "fitted loop": SamplerFitted,
}
TWO_CALLS: Mapping[str, Callable[[GaussianDiffusion], Sampler]] = {
    "Heun loop": SamplerHeun,
    "Heun loop, churn": partial(SamplerHeun, churn=40.0),
}


def loop() -> list[Plan]:
    """Every sampler, with and without a learned variance, on one point and on many; no size of U-Net takes part."""
    return [partial(_loop, name, variance, batch) for name, variance in VARIANCES.items() for batch in BATCHES]


def _loop(name: str, variance: ModelVarType, batch: int) -> Table:
    diffusion = GaussianDiffusion(cosine_schedule(STEPS), model_var_type=variance)
    network = MLP(in_channels=2, out_channels=diffusion.out_channels(2)).eval().requires_grad_(False)
    rows: dict[str, Row] = {}
    for bare, samplers in ((BARE, ONE_CALL), (BARE_TWICE, TWO_CALLS)):
        made = {title: make(diffusion) for title, make in samplers.items()}
        rows[bare] = Row(_bare(next(iter(made.values())), network, batch))
        rows |= {title: Row(_chain(sampler, network, batch)) for title, sampler in made.items()}
    title = f"chain of {STEPS} steps on points, {name}, batch {batch}"
    return Table("loop", title, rows, images=batch)


def _bare(sampler: Sampler, network: MLP, batch: int) -> Contestant:
    """Call the network as often as a chain does, at the same times."""
    times: list[Tensor] = []

    def seen(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        times.append(time)
        return network(x, time, **conditioning)

    x = torch.zeros(batch, 2)
    sampler.sample(seen, x.shape, noise=x)

    @torch.no_grad()
    def calls() -> None:
        for time in times:
            network(x, time)

    return calls


def _chain(sampler: Sampler, network: MLP, batch: int) -> Contestant:
    noise = torch.randn(batch, 2, generator=torch.Generator().manual_seed(0))
    return lambda: sampler.sample(network, noise.shape, noise=noise)
