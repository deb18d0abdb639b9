"""The cap on the noise of the last steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.diffusion import Analytic, ErrorCurve, GaussianDiffusion, ModelVarType
from idm.likelihood import calc_bpd_loop
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM, SampleStep
from idm.schedules import cosine_schedule

CURVE = ErrorCurve((-9.0,), (0.5,), (None,))
DIFFUSION = GaussianDiffusion(cosine_schedule(6), model_var_type=Analytic.of(ModelVarType.FIXED_SMALL.value, CURVE))
SAMPLERS = {"ddpm": lambda **o: SamplerDDPM(DIFFUSION, **o), "ddim": lambda **o: SamplerDDIM(DIFFUSION, eta=0.5, **o)}


SEED = torch.zeros(1, dtype=torch.int64)


@dataclass(frozen=True)
class Even(Rng):
    """In place of noise its mean absolute value."""

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.full((1, *shape), math.sqrt(2.0 / math.pi), dtype=dtype)


def nothing(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.zeros_like(x)


def noises(sampler: Sampler) -> dict[int, float]:
    """Mean absolute value of what differs by the seeds, in the state after each step, from the same state before."""
    denoise = sampler.denoiser(nothing)
    x = torch.full((4000, 1), 0.2, dtype=torch.float64)
    found: dict[int, float] = {}
    for i in range(1, 6):
        after = next(iter(sampler.walk(denoise, x, start=i))).sample
        found[i] = float((after - after.mean()).abs().mean())
    return found


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_last_steps_that_add_noise_are_capped_and_no_others(name: str) -> None:
    free = noises(SAMPLERS[name]())
    assert min(free.values()) > 0.05
    for steps in (1, 2):
        found = noises(SAMPLERS[name](last_noise_cap=0.02, last_noise_steps=steps))
        for i in range(1, 6):
            expected = 0.02 if i <= steps else free[i]
            assert found[i] == pytest.approx(expected, rel=0.03 if i <= steps else 1e-12)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_cap_above_the_noise_changes_nothing_and_one_is_off_by_default(name: str) -> None:
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 2)))
    made = [SAMPLERS[name](), SAMPLERS[name](last_noise_cap=10.0, last_noise_steps=5)]
    first, second = (sampler.draw(sampler.denoiser(nothing), x, seed=3) for sampler in made)
    assert torch.equal(first, second)


def test_the_cap_is_on_the_mean_absolute_value_of_normal_noise() -> None:
    """E|noise| = std sqrt(2 / pi)."""
    sampler = SAMPLERS["ddpm"](last_noise_cap=0.02)
    state = sampler.step(sampler.denoiser(nothing), SampleStep(torch.zeros(1, 1, dtype=torch.float64)), 1, Even(SEED))
    assert float(state.sample) == pytest.approx(0.02)


def test_bounds_know_nothing_of_it() -> None:
    """A bound has no sampler; the process, which it is of, has no cap to tell."""
    x = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (3, 2)))
    before = calc_bpd_loop(DIFFUSION, nothing, x).total_bpd
    process = SAMPLERS["ddpm"](last_noise_cap=0.001, last_noise_steps=5).diffusion
    assert torch.equal(calc_bpd_loop(process, nothing, x).total_bpd, before)


@pytest.mark.parametrize("wrong", [{"last_noise_cap": -0.1}, {"last_noise_steps": 0}])
@pytest.mark.parametrize("name", SAMPLERS)
def test_numbers_out_of_range_are_refused(name: str, wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        SAMPLERS[name](**wrong)
