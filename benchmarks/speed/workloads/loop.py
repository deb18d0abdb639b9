"""What the sampling loop costs beside the network: a small network on points, where it shows."""

from functools import partial

import torch

from idm.bench.harness import Contestant
from idm.bench.table import Plan, Row, Table
from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.networks import MLP
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule

STEPS = 100
BATCHES = (1, 512)
VARIANCES = {"fixed variance": ModelVarType.FIXED_SMALL, "learned variance": ModelVarType.LEARNED_RANGE}
BARE, DDPM, DDIM = "bare calls of the network", "DDPM loop", "DDIM loop"


def loop() -> list[Plan]:
    """Both samplers, with and without a learned variance, on one point and on many; no size of U-Net takes part."""
    return [partial(_loop, name, variance, batch) for name, variance in VARIANCES.items() for batch in BATCHES]


def _loop(name: str, variance: ModelVarType, batch: int) -> Table:
    diffusion = GaussianDiffusion(cosine_schedule(STEPS), model_var_type=variance)
    network = MLP(in_channels=2, out_channels=diffusion.out_channels(2)).eval().requires_grad_(False)
    rows = {
        BARE: Row(_bare(diffusion, network, batch)),
        DDPM: Row(_chain(SamplerDDPM(diffusion), network, batch)),
        DDIM: Row(_chain(SamplerDDIM(diffusion), network, batch)),
    }
    title = f"chain of {STEPS} steps on points, {name}, batch {batch}"
    return Table("loop", title, rows, images=batch)


def _bare(diffusion: GaussianDiffusion, network: MLP, batch: int) -> Contestant:
    """Call the network as often as a chain does, at the same times."""
    x = torch.zeros(batch, 2)
    times = [diffusion.network_time(t, x) for t in reversed(range(STEPS))]

    @torch.no_grad()
    def calls() -> None:
        for time in times:
            network(x, time)

    return calls


def _chain(sampler: Sampler, network: MLP, batch: int) -> Contestant:
    noise = torch.randn(batch, 2, generator=torch.Generator().manual_seed(0))
    return lambda: sampler.sample(network, noise.shape, noise=noise)
