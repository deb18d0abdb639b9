"""Why some samplers take no analytic variance: their steps have too much already, or it is no matter of one level.

Data are N(0, 1). In y = x / alpha they have the variance 1 + kappa^2 at a level, and along the flow y / sqrt(1 +
kappa^2) stays as it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.diffusion import Denoised, GaussianDiffusion
from idm.samplers import Sampler, SamplerFitted, SamplerHeun, SamplerMultistep, SampleStep
from idm.schedules import Flow, Level, PathGrid, cosine_schedule


@dataclass(frozen=True)
class Exact:
    """The exact denoiser."""

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        found = at.alpha * x / (at.alpha**2 + at.sigma**2)
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Exact":
        return self


@dataclass(frozen=True)
class UnitNoise(Rng):
    """Instead of noise: 0 in row 0, 1 in row 1."""

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.tensor([[0.0], [1.0]], dtype=dtype)


def on_levels(*kappas: float) -> GaussianDiffusion:
    return GaussianDiffusion(PathGrid(Flow(), Flow().time_of(np.log(kappas))))


@pytest.mark.parametrize("low", [0.01, 0.3, 2.0, 9.0])
@pytest.mark.parametrize("ratio", [1.1, 1.5, 4.0])
@pytest.mark.parametrize("churn", [0.0, 0.5])
def test_every_step_of_heun_has_too_much_variance_already(low: float, ratio: float, churn: float) -> None:
    diffusion = on_levels(low, low * ratio)
    alpha, kappa = diffusion.grid.levels.alpha, diffusion.grid.levels.kappa
    start = torch.tensor([[alpha[1] * (1.0 + kappa[1] ** 2).sqrt()], [0.0]], dtype=torch.float64)
    sampler = SamplerHeun(diffusion, clip_denoised=False, churn=churn)
    end = sampler.step(Exact(), SampleStep(start), 1, UnitNoise(torch.zeros(2, dtype=torch.int64))).sample / alpha[0]
    found = float((end**2).sum()) - 1.0 - low**2
    high = low * ratio * (1.0 + churn / 2.0)  # where churn goes to first
    d, u, q = high - low, 1.0 + high**2, 1.0 + low**2
    expected = d**3 * (low + d / (4.0 * q)) / (q * u)
    assert expected > 0.0
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-13)


def lacking(*kappas: float) -> float:
    """Variance that a step of order 2 lacks, from states of the flow at three levels, the lowest one its end."""
    diffusion = on_levels(*kappas)
    alpha, kappa = diffusion.grid.levels.alpha, diffusion.grid.levels.kappa
    sampler = SamplerMultistep(diffusion, clip_denoised=False, order=2, corrector=False)
    state = SampleStep(torch.zeros(1, 1, dtype=torch.float64))
    for i in (2, 1):
        on_flow = alpha[i] * (1.0 + kappa[i] ** 2).sqrt()
        state = sampler.step(
            Exact(), SampleStep(on_flow.view(1, 1), memory=state.memory), i, Rng.from_seed(0, 1, "cpu")
        )
    return float(1.0 + kappa[0] ** 2 - (state.sample / alpha[0]) ** 2)


def test_what_a_step_of_order_2_lacks_may_be_less_than_nothing_and_depends_on_the_levels_before() -> None:
    for low, before in ((10.0, 4.0), (10.0, 8.0), (0.1, 4.0), (0.1, 8.0)):
        kappas = (low, 2.0 * low, before * low)
        (_, first), (middle, second), (last, third) = ((k, 1.0 / math.sqrt(1.0 + k**2)) for k in kappas)
        slope = math.log(2.0) / (2.0 * math.log(last / middle)) * (second - third)
        end = 0.5 * math.sqrt(1.0 + middle**2) + 0.5 * (second + slope)  # DPM-Solver++(2M), x_0 being 1 / sqrt(...)
        assert lacking(*kappas) == pytest.approx(first**-2 - end**2, rel=1e-9)
    assert lacking(10.0, 20.0, 40.0) > 0.01
    assert lacking(0.1, 0.2, 0.4) < -0.01
    assert abs(lacking(10.0, 20.0, 40.0) - lacking(10.0, 20.0, 80.0)) > 0.01


@pytest.mark.parametrize(
    ("make", "used"),
    [
        (lambda d: SamplerMultistep(d, order=1, corrector=False, tau=0.5), True),
        (lambda d: SamplerMultistep(d, order=1), False),
        (lambda d: SamplerMultistep(d, order=2, corrector=False, tau=1.0), False),
        (lambda d: SamplerHeun(d, churn=3.0), False),
        (SamplerFitted, False),
    ],
)
def test_samplers_say_whether_a_variance_plays_a_part_and_why_not(make, used: bool) -> None:
    sampler: Sampler = make(GaussianDiffusion(cosine_schedule(4)))
    assert sampler.uses_variance == used
    assert bool(sampler.why_no_variance) != used
