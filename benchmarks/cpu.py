"""Speed beside diffusers and beside ourselves done naively, as paired ratios.

    pip install diffusers          (optional; its rows are left out without it)
    python benchmarks/cpu.py --out benchmarks/results/cpu.json

Each table's first row is what the others are compared with; "x" above 1 is faster than it.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from harness import Comparison, Contestant, compare, machine
from models import SMALL, TINY, Configuration, diffusers_unet, ours
from torch import Tensor, nn

from idm.diffusion import GaussianDiffusion, LossType, ModelVarType
from idm.likelihood import calc_bpd_loop
from idm.networks import Autocast
from idm.samplers import SamplerDDIM
from idm.schedules import cosine_schedule, spaced
from idm.training.ema import ExponentialMovingAverage
from idm.training.optimizer import make_optimizer
from idm.training.settings import TrainingSettings

Table = tuple[str, dict[str, Contestant]]
DIFFUSION = GaussianDiffusion(
    cosine_schedule(1000), model_var_type=ModelVarType.LEARNED_RANGE, loss_type=LossType.RESCALED_MSE
)


def peer(config: Configuration) -> nn.Module | None:
    """diffusers' network, or None where it is not installed."""
    try:
        return diffusers_unet(config)
    except ImportError:
        return None


def forward(config: Configuration, batch: int) -> Table:
    """One forward pass without gradients."""
    x, time = config.data(batch), torch.full((batch,), 500.0)
    network, theirs = ours(config).eval(), peer(config)
    rows: dict[str, Contestant] = {}
    if theirs is not None:
        theirs.eval()
        rows["diffusers float32"] = _without_gradients(lambda: theirs(x, time))
    rows["idm float32"] = _without_gradients(lambda: network(x, time))
    rows["idm bfloat16"] = _without_gradients(lambda: Autocast(network)(x, time))
    return f"forward, {config.name}, batch {batch}", rows


def training(config: Configuration, batch: int) -> Table:
    """Hybrid loss, gradients, clipping, AdamW, EMA; for diffusers its own recipe: MSE on the first channels."""
    rows: dict[str, Contestant] = {}
    theirs = peer(config)
    if theirs is not None:
        rows["diffusers float32"] = _diffusers_step(theirs, config, batch)
    rows["idm float32"] = _step(config, batch, lambda network: network)
    rows["idm bfloat16"] = _step(config, batch, Autocast)
    return f"training step, {config.name}, batch {batch}", rows


def _step(config: Configuration, batch: int, wrap: Callable[[nn.Module], object]) -> Contestant:
    network = ours(config)
    model, optimizer = wrap(network), make_optimizer(network, TrainingSettings())
    ema = ExponentialMovingAverage(network, (0.9999,))
    x = config.data(batch).clamp(-1, 1)

    def step() -> None:
        t = torch.randint(1000, (batch,))
        DIFFUSION.training_losses(model, x, t).loss.mean().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update()

    return step


def _diffusers_step(network: nn.Module, config: Configuration, batch: int) -> Contestant:
    from diffusers import DDPMScheduler  # pyright: ignore[reportMissingImports]
    from diffusers.training_utils import EMAModel  # pyright: ignore[reportMissingImports]

    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    ema, scheduler = EMAModel(network.parameters()), DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2")
    x = config.data(batch).clamp(-1, 1)

    def step() -> None:
        t, noise = torch.randint(1000, (batch,)), torch.randn_like(x)
        output = network(scheduler.add_noise(x, noise, t), t).sample[:, : config.channels]
        nn.functional.mse_loss(output, noise).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ema.step(network.parameters())

    return step


def sampling(config: Configuration, batch: int, steps: int) -> Table:
    """A whole DDIM chain."""
    rows: dict[str, Contestant] = {}
    theirs, network = peer(config), ours(config).eval()
    sampler = SamplerDDIM(DIFFUSION.respace(spaced(1000, steps)))
    noise = config.data(batch)
    if theirs is not None:
        rows["diffusers float32"] = _diffusers_chain(theirs.eval(), config, noise, steps)
    rows["idm float32"] = lambda: sampler.sample(network, noise.shape, noise=noise)
    rows["idm bfloat16"] = lambda: sampler.sample(Autocast(network), noise.shape, noise=noise)
    return f"DDIM sampling, {steps} steps, {config.name}, batch {batch}", rows


def _diffusers_chain(network: nn.Module, config: Configuration, noise: Tensor, steps: int) -> Contestant:
    from diffusers import DDIMScheduler  # pyright: ignore[reportMissingImports]

    scheduler = DDIMScheduler(1000, beta_schedule="squaredcos_cap_v2")

    @torch.no_grad()
    def chain() -> None:
        scheduler.set_timesteps(steps)
        x = noise
        for t in scheduler.timesteps:
            x = scheduler.step(network(x, t).sample[:, : config.channels], t, x).prev_sample

    return chain


def likelihood(config: Configuration) -> Table:
    """Sixty-four terms of the bound of one image: in one batch, and one step at a time."""
    network, x = ours(config).eval(), config.data(1).clamp(-1, 1)
    short = DIFFUSION.respace(spaced(1000, 64))
    return f"64 bound terms, {config.name}", {
        "one step at a time": lambda: calc_bpd_loop(short, network, x, batch_size=1),
        "batched over steps": lambda: calc_bpd_loop(short, network, x, batch_size=64),
    }


def updates(config: Configuration) -> list[Table]:
    """Optimiser, EMA and gradient norm on the tensors of a network, beside loops over tensors."""
    network = ours(config)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    fused = make_optimizer(network, TrainingSettings())
    looped = torch.optim.AdamW(network.parameters(), lr=1e-4, foreach=False, fused=False)
    ema, copies = ExponentialMovingAverage(network, (0.9999,)), [p.detach().clone() for p in network.parameters()]

    @torch.no_grad()
    def ema_loop() -> None:
        for average, parameter in zip(copies, network.parameters(), strict=True):
            average.mul_(0.9999).add_(parameter.detach(), alpha=1e-4)

    def norm_loop() -> float:
        return sum(float(p.grad.norm()) ** 2 for p in network.parameters() if p.grad is not None) ** 0.5

    name = f"{config.name}'s tensors"
    return [
        (f"AdamW, {name}", {"loop over tensors": looped.step, "idm": fused.step}),
        (f"EMA, {name}", {"loop over tensors": ema_loop, "idm": ema.update}),
        (
            f"gradient norm, {name}",
            {
                "loop over tensors": norm_loop,
                "idm": lambda: float(nn.utils.clip_grad_norm_(network.parameters(), float("inf"))),
            },
        ),
    ]


def _without_gradients(call: Callable[[], object]) -> Contestant:
    def run() -> None:
        with torch.no_grad():
            call()

    return run


def main() -> None:
    """Print tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tables = [
        forward(SMALL, 16),
        training(SMALL, 16),
        training(TINY, 128),
        sampling(SMALL, 16, 6),
        sampling(TINY, 16, 20),
        likelihood(TINY),
        likelihood(SMALL),
        *updates(SMALL),
    ]
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    results: dict[str, list[dict[str, object]]] = {}
    for title, contestants in tables:
        found = compare(contestants, rounds=options.rounds)
        results[title] = [asdict(row) for row in found]
        _print(title, found)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        document = {"machine": machine(), "rounds": options.rounds, "tables": results}
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _print(title: str, rows: list[Comparison]) -> None:
    print(f"\n{title}", flush=True)
    for row in rows:
        note = f"  ({row.disturbed} samples disturbed)" if row.disturbed else ""
        spread = f"quartiles {row.low:.2f} to {row.high:.2f}"
        print(f"  {row.name:20s} {1e3 * row.seconds:9.1f} ms  {row.ratio:5.2f}x  {spread}{note}", flush=True)


if __name__ == "__main__":
    main()
