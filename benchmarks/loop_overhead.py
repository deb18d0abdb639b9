"""How much the sampling loop costs beside the network: 100 steps on a 2-D MLP, against 100 bare forwards.

    python benchmarks/loop_overhead.py

Both run in one process in turn, round by round; the figures are medians of the ratios of each round with their
quartiles. The project's bar is a ratio of at most 2 at batch 1 (the published implementation: 5).
"""

import statistics
import time
from collections.abc import Callable

import torch

from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.networks import MLP
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule

STEPS, ROUNDS = 100, 15


def seconds(run: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratios(sampler: Sampler, network: MLP, batch: int) -> list[float]:
    """Time of the loop over time of the bare forwards, once per round."""
    noise, time_input = torch.randn(batch, 2), torch.zeros(batch)

    @torch.no_grad()
    def bare() -> None:
        for _ in range(STEPS):
            network(noise, time_input)

    def loop() -> None:
        sampler.sample(network, (batch, 2), noise=noise)

    bare(), loop()
    return [seconds(loop) / seconds(bare) for _ in range(ROUNDS)]


def main() -> None:
    """Print a table."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {STEPS} steps, {ROUNDS} rounds")
    for var_type in (ModelVarType.FIXED_SMALL, ModelVarType.LEARNED_RANGE):
        diffusion = GaussianDiffusion(cosine_schedule(STEPS), model_var_type=var_type)
        network = MLP(in_channels=2, out_channels=diffusion.out_channels(2)).eval()
        for sampler in (SamplerDDPM(diffusion), SamplerDDIM(diffusion)):
            for batch in (1, 512):
                low, middle, high = statistics.quantiles(ratios(sampler, network, batch), n=4)
                name = f"{type(sampler).__name__} {var_type.name}"
                print(f"{name:28s} batch {batch:4d}: loop / bare = {middle:.2f} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
