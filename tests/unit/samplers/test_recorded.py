"""Solvers beside those of k-diffusion and diffusers: 200 random grids, starts and denoisers, recorded in float64.

``benchmarks/record_solvers.py`` wrote the numbers. Chains and the straight path give both, since y = x / alpha
moves alike on all paths.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import Denoised, GaussianDiffusion
from idm.samplers import MultistepRule, Sampler, SamplerHeun, SamplerMultistep
from idm.samplers.exponential import Integration
from idm.schedules import Flow, Level, PathGrid, cosine_schedule
from idm.schedules import Path as LevelPath

RECORDED = dict(np.load(Path(__file__).parents[2] / "data" / "solvers.npz"))
PATHS = {"cosine": (cosine_schedule(1000).path, 10), "flow": (Flow(), 50)}
"""Paths, and how many of the cases are solved on each; with --prove all of them."""

MULTISTEP: dict[str, dict[str, Any]] = {
    "k 2m": {"corrector": False},
    "k 3m": {"order": 3, "corrector": False, "rule": MultistepRule.DPMPP},
    "dpm 2": {"corrector": False, "rule": MultistepRule.DPMPP},
    "dpm 3": {"order": 3, "corrector": False, "rule": MultistepRule.DPMPP},
    "unipc 2": {},
    "unipc 3": {"order": 3},
    "deis 2": {"order": 2, "corrector": False, "rule": MultistepRule.DEIS},
    "deis 3": {"order": 3, "corrector": False, "rule": MultistepRule.DEIS},
}
LAST = {"k 2m": 0, "k heun": 0, "k 3m": 0, "heun": 1}
"""How many levels are left in what was recorded; two where it is not said."""


@dataclass(frozen=True)
class Recorded:
    """a tanh(b y + c) / (1 + d kappa^2)."""

    numbers: list[float]

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        a, b, c, d = self.numbers
        found = a * torch.tanh(b * x * at.gain + c) / (1.0 + d * at.kappa**2)
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Recorded":
        return self


def solved(sampler: Sampler, denoise: Recorded, y: Tensor, left: int) -> Tensor:
    """y where ``left`` levels are left to go."""
    grid = sampler.diffusion.grid
    states = list(sampler.walk(denoise, grid.levels.alpha[-1] * y))
    return states[len(states) - 1 - left].sample / (1.0 if left == 0 else grid.levels.alpha[left - 1])


@pytest.mark.parametrize(("path", "count"), PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("name", [*MULTISTEP, "k heun", "heun"])
def test_the_numbers_of_other_projects(
    name: str, path: LevelPath, count: int, prove: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "k 3m":  # its second step integrates the line through two values exactly, and not as a trapezoid
        monkeypatch.setattr(SamplerMultistep, "_integration", Integration(halves_curvature=True))
    columns = (RECORDED[key][: None if prove else count] for key in ("kappa", "y", "denoiser", name))
    for kappa, y, numbers, expected in zip(*columns, strict=True):
        grid = PathGrid(path, path.time_of(np.log(kappa[~np.isnan(kappa)][::-1])))
        diffusion = GaussianDiffusion(grid)
        sampler = SamplerMultistep(diffusion, **MULTISTEP[name]) if name in MULTISTEP else SamplerHeun(diffusion)
        found = solved(sampler, Recorded(numbers.tolist()), torch.from_numpy(y)[None], LAST.get(name, 2))
        np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-9, atol=1e-9)
