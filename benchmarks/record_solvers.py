"""Record what the solvers of k-diffusion and diffusers give, for the tests to compare with.

Every case is a grid of noise-to-signal ratios, a start and a denoiser of y = x / alpha in float64,
D(y, kappa) = a tanh(b y + c) / (1 + d kappa^2). diffusers' stored sigmas are replaced by the grid in float64; its last
two steps, where it lowers its order, are left out; the updates of its DPM solver are called by themselves, since its
``step`` keeps samples in float32. The packages are not needed for the tests.

    pip install diffusers==0.42.1 k-diffusion==0.1.1.post1
    python benchmarks/record_solvers.py tests/data/solvers.npz
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

diffusers: Any = import_module("diffusers")
sampling: Any = import_module("k_diffusion.sampling")

NUM_CASES, SIZE = 200, 3
Denoise = Callable[[Tensor, Tensor], Tensor]


def case(seed: int) -> dict[str, np.ndarray]:
    """Draw one case: kappa [n] falling, y [SIZE], four numbers of the denoiser."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(4, 13)
    ends = np.log(rng.uniform([0.02, 5.0], [0.1, 60.0]))
    inner = np.sort(rng.uniform(size=steps - 2)) * 0.5 + np.linspace(0, 1, steps)[1:-1] * 0.5
    kappa = np.exp(ends[1] - np.concatenate([[0.0], inner, [1.0]]) * (ends[1] - ends[0]))
    return {
        "kappa": kappa,
        "y": rng.normal(size=SIZE) * kappa[0],
        "denoiser": rng.uniform([0.5, 0.5, -1.0, 0.01], [1.5, 2.0, 1.0, 0.5]),
    }


def denoiser(numbers: np.ndarray) -> Denoise:
    """Return D(y, kappa)."""
    a, b, c, d = numbers.tolist()
    return lambda y, kappa: a * torch.tanh(b * y + c) / (1.0 + d * kappa.reshape(-1, 1) ** 2)


def of_k_diffusion(sample: Callable[..., Tensor], kappa: Tensor, y: Tensor, denoise: Denoise, **options: Any) -> Tensor:
    """Run one of k-diffusion's samplers to clean data."""
    sigmas = torch.cat([kappa, kappa.new_zeros(1)])
    return sample(denoise, y, sigmas, disable=True, **options)


def of_diffusers(scheduler: Any, kappa: Tensor, y: Tensor, denoise: Denoise, *, preserving: bool = True) -> Tensor:
    """Run one of diffusers' schedulers on x = alpha y until two levels are left, and return y there."""
    scheduler.set_timesteps(len(kappa))
    scheduler.sigmas = torch.cat([kappa, kappa.new_zeros(1)])
    if not preserving:  # Heun's: every level but the first twice
        scheduler.sigmas = torch.cat([kappa[:1], kappa[1:].repeat_interleave(2), kappa.new_zeros(1)])
    scheduler.timesteps = torch.arange(len(scheduler.sigmas) - 1, dtype=torch.float64)
    alpha = (1.0 / torch.sqrt(1.0 + kappa**2)) if preserving else torch.ones_like(kappa)
    x, stop = alpha[0] * y, len(kappa) - 2 if preserving else 2 * (len(kappa) - 1)
    for i, time in enumerate(scheduler.timesteps[:stop]):
        place = i if preserving else (i + 1) // 2
        x = scheduler.step(denoise(x / alpha[place], kappa[place]), time, x).prev_sample
    return x / alpha[len(kappa) - 2] if preserving else x


def of_dpm_solver(order: int, kappa: Tensor, y: Tensor, denoise: Denoise) -> Tensor:
    """Run the updates of diffusers' DPM-Solver++ until two levels are left, and return y there."""
    scheduler: Any = diffusers.DPMSolverMultistepScheduler(solver_order=order, prediction_type="sample")
    scheduler.set_timesteps(len(kappa))
    scheduler.sigmas = torch.cat([kappa, kappa.new_zeros(1)])
    alpha, found = 1.0 / torch.sqrt(1.0 + kappa**2), []
    x = alpha[0] * y
    for i in range(len(kappa) - 2):
        scheduler._step_index = i
        found = [*found, denoise(x / alpha[i], kappa[i])][-order:]
        if len(found) == 1:
            x = scheduler.dpm_solver_first_order_update(found[0], sample=x)
        elif len(found) == 2:
            x = scheduler.multistep_dpm_solver_second_order_update(found, sample=x)
        else:
            x = scheduler.multistep_dpm_solver_third_order_update(found, sample=x)
    return x / alpha[len(kappa) - 2]


def recorded(kappa: Tensor, y: Tensor, denoise: Denoise) -> dict[str, Tensor]:
    """Run every solver on one case."""
    of_x_start = {"prediction_type": "sample"}
    return {
        "k 2m": of_k_diffusion(sampling.sample_dpmpp_2m, kappa, y, denoise),
        "k heun": of_k_diffusion(sampling.sample_heun, kappa, y, denoise),
        "k 3m": of_k_diffusion(sampling.sample_dpmpp_3m_sde, kappa, y, denoise, eta=0.0),
        "dpm 2": of_dpm_solver(2, kappa, y, denoise),
        "dpm 3": of_dpm_solver(3, kappa, y, denoise),
        "unipc 2": of_diffusers(diffusers.UniPCMultistepScheduler(solver_order=2, **of_x_start), kappa, y, denoise),
        "unipc 3": of_diffusers(diffusers.UniPCMultistepScheduler(solver_order=3, **of_x_start), kappa, y, denoise),
        "deis 2": of_diffusers(diffusers.DEISMultistepScheduler(solver_order=2, **of_x_start), kappa, y, denoise),
        "deis 3": of_diffusers(diffusers.DEISMultistepScheduler(solver_order=3, **of_x_start), kappa, y, denoise),
        "heun": of_diffusers(diffusers.HeunDiscreteScheduler(**of_x_start), kappa, y, denoise, preserving=False),
    }


def main() -> None:
    """Write all cases."""
    columns: dict[str, list[np.ndarray]] = {}
    for seed in range(NUM_CASES):
        drawn = case(seed)
        kappa, y = torch.from_numpy(drawn["kappa"]), torch.from_numpy(drawn["y"])[None]
        found = {name: value[0].numpy() for name, value in recorded(kappa, y, denoiser(drawn["denoiser"])).items()}
        padded = np.pad(drawn["kappa"], (0, 12 - len(kappa)), constant_values=np.nan)
        for name, value in (drawn | {"kappa": padded} | found).items():
            columns.setdefault(name, []).append(value)
    stacked: dict[str, Any] = {name: np.stack(values) for name, values in columns.items()}
    np.savez_compressed(Path(sys.argv[1]), **stacked)


if __name__ == "__main__":
    main()
