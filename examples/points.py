"""Two moons: train a small network on points, sample it, and hold it against the exact denoiser of its own data.

    python examples/points.py --out runs/points

takes less than a minute on a CPU and writes runs/points/points.png. docs/tutorial.md walks through it.
"""

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from idm.core.rng import Rng
from idm.core.types import Network
from idm.data import batch_indices
from idm.diffusion import GaussianDiffusion, LossType, ModelVarType
from idm.networks import MLP
from idm.oracles import EmpiricalDenoiser
from idm.samplers import SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule, spaced

SEED = 0
SPREAD = 0.03
"""Standard deviation of the points around their moon, in the model's range."""


def moons(num: int, seed: int) -> Tensor:
    """Draw points around two interleaved half circles, inside of [-1, 1]: float32 [num, 2]."""
    random = np.random.default_rng(seed)
    angle, upper = random.uniform(0.0, np.pi, num), np.arange(num) % 2 == 0
    x = np.where(upper, np.cos(angle), 1.0 - np.cos(angle)) - 0.5
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle)) - 0.25
    points = np.stack([x, y], axis=1) / 1.7 + random.normal(0.0, SPREAD, (num, 2))
    return torch.as_tensor(points, dtype=torch.float32)


def distance_to_moons(points: Tensor) -> Tensor:
    """Distance of each point to the nearer of the two half circles [n]."""
    angle = torch.linspace(0.0, torch.pi, 2000)
    upper = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=1)
    lower = torch.stack([0.5 - angle.cos(), 0.25 - angle.sin()], dim=1)
    return torch.cdist(points, torch.cat([upper, lower]) / 1.7).min(1).values


def train(diffusion: GaussianDiffusion, data: Tensor, num_steps: int, batch_size: int = 256) -> MLP:
    """Train a network and return its averaged weights."""
    torch.manual_seed(SEED)
    network = MLP(in_channels=2, out_channels=diffusion.out_channels(2), width=128, num_layers=4)
    averaged = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(num_steps):
        rng = Rng.from_seed(step * batch_size, batch_size)
        x_start = data[torch.as_tensor(batch_indices(SEED, step, batch_size, len(data)))]
        t = (rng.uniform("t").flatten() * diffusion.num_timesteps).long()
        losses = diffusion.training_losses(network, x_start, t, noise=rng.normal("noise", 0, (2,)))
        optimizer.zero_grad()
        losses.loss.mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1.0 - step / num_steps)
        optimizer.step()
        for slow, fast in zip(averaged.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast.detach(), max(0.005, 1.0 / (step + 1)))
    return averaged


@torch.no_grad()
def errors(diffusion: GaussianDiffusion, model: Network, data: Tensor, steps: list[int]) -> list[float]:
    """Mean squared error of the predicted noise at some steps."""
    found: list[float] = []
    for t in steps:
        noise = Rng.from_seed(0, len(data)).normal("evaluation", t, (2,))
        losses = diffusion.training_losses(model, data, t, noise=noise)
        assert losses.mse is not None
        found.append(float(losses.mse.mean()))
    return found


def draw(panels: dict[str, Tensor], path: Path) -> None:
    """Save scatter plots side by side."""
    figure = Figure(figsize=(3.2 * len(panels), 3.2), layout="constrained")
    for axes, (title, points) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axes.scatter(*points.T.numpy(), s=2, alpha=0.5, linewidths=0)
        axes.set(title=title, xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xticks=(), yticks=())
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(out: Path, num_steps: int = 4000, num_points: int = 1000) -> None:
    data, fresh = moons(num_points, seed=1), moons(num_points, seed=2)
    diffusion = GaussianDiffusion(
        cosine_schedule(1000).with_noise_floor(0.02),
        model_var_type=ModelVarType.LEARNED_RANGE,
        loss_type=LossType.RESCALED_MSE,
        rescale_timesteps=True,
    )
    start = time.monotonic()
    network = train(diffusion, data, num_steps)
    print(f"trained {num_steps} steps in {time.monotonic() - start:.0f} s")

    # The exact denoiser of the training points: no network has a smaller error on them.
    oracle = EmpiricalDenoiser(diffusion, data)
    steps = [0, 200, 400, 600, 800]
    print("\nmean squared error of the predicted noise")
    print("  t           " + "".join(f"{t:>8}" for t in steps))
    for name, model, points in (
        ("oracle, seen ", oracle, data),
        ("network, seen", network, data),
        ("network, new ", network, fresh),
        ("oracle, new  ", oracle, fresh),
    ):
        print(f"  {name} " + "".join(f"{error:8.3f}" for error in errors(diffusion, model, points, steps)))

    few = diffusion.respace(spaced(diffusion.num_timesteps, 25))
    panels = {
        "data": data,
        "DDPM, all steps": SamplerDDPM(diffusion).sample(network, (num_points, 2), seed=SEED),
        "DDIM, 25 steps": SamplerDDIM(few).sample(network, (num_points, 2), seed=SEED),
        "oracle, DDIM, 25 steps": SamplerDDIM(few).sample(oracle, (num_points, 2), seed=SEED),
    }
    print("\nroot mean square distance          to the moons  to the nearest of the data")
    for name, points in (*panels.items(), ("new data", fresh)):
        moon, seen = distance_to_moons(points), torch.cdist(points, data)
        nearest = seen.kthvalue(2, dim=1).values if points is data else seen.min(1).values
        print(f"  {name:<32}{moon.square().mean().sqrt():14.4f}{nearest.square().mean().sqrt():15.4f}")
    draw(panels, out / "points.png")
    print(f"\nwrote {out / 'points.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two moons: train, sample, compare with the exact denoiser.")
    parser.add_argument("--out", type=Path, default=Path("runs/points"))
    parser.add_argument("--num-steps", type=int, default=4000)
    arguments = parser.parse_args()
    main(arguments.out, arguments.num_steps)
