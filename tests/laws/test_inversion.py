"""Encoding and decoding approach the probability flow, and each other, at first order in the step.

For Gaussian data the flow is known: (y - m) / sqrt(s^2 + kappa^2) is constant along it, with y = x / sqrt(abar)
and kappa = sqrt((1 - abar) / abar), 0 for clean data.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.types import Network
from idm.diffusion import Denoiser, GaussianDiffusion, ModelVarType
from idm.editing import CLEAN, decode, edit, encode, interpolate
from idm.oracles import GaussianDenoiser, MixtureDenoiser
from idm.schedules import linear_schedule

MEAN, VARIANCE = 0.2, 0.3
COUNTS = (50, 100, 200, 400)
X = torch.linspace(-0.9, 0.9, 12, dtype=torch.float64).view(6, 2)


def process(num_timesteps: int) -> GaussianDiffusion:
    return GaussianDiffusion(linear_schedule(num_timesteps), model_var_type=ModelVarType.FIXED_SMALL)


def gaussian(diffusion: GaussianDiffusion) -> Network:
    mean, variance = torch.tensor([MEAN, -0.5]).double(), torch.tensor([VARIANCE, 0.1]).double()
    return GaussianDenoiser(diffusion, mean, variance)


def flow(x: Tensor, abar: float, target: float) -> np.ndarray:
    """The exact probability flow of the Gaussian between two levels."""
    mean, variance = np.array([MEAN, -0.5]), np.array([VARIANCE, 0.1])
    here, there = (1.0 - abar) / abar, (1.0 - target) / target
    y = mean + (x.numpy() / math.sqrt(abar) - mean) * np.sqrt((variance + there) / (variance + here))
    return math.sqrt(target) * y


def mixture(diffusion: GaussianDiffusion) -> Network:
    return MixtureDenoiser(
        diffusion,
        torch.tensor([0.5, 0.3, 0.2]).double(),
        torch.tensor([[0.6, 0.1], [-0.5, 0.5], [-0.1, -0.7]]).double(),
        torch.tensor([0.05, 0.02, 0.1]).double(),
    )


Build = Callable[[GaussianDiffusion], Network]


def asked(build: Build, diffusion: GaussianDiffusion) -> Denoiser:
    return diffusion.denoiser(build(diffusion), clip=False)


def rms(values: Tensor | np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(values)))))


def assert_halves(errors: list[float]) -> None:
    """Each error is about half of the one before, more nearly so as they shrink."""
    ratios = [coarse / fine for coarse, fine in itertools.pairwise(errors)]
    assert all(1.6 < ratio < 2.4 for ratio in ratios), ratios
    assert abs(ratios[-1] - 2.0) < 0.2, ratios


@pytest.mark.parametrize("denoiser", [gaussian, mixture])
def test_the_error_of_encoding_and_decoding_halves_as_the_steps_double(denoiser: Build) -> None:
    errors = []
    for number in COUNTS:
        diffusion = process(number)
        model = asked(denoiser, diffusion)
        errors.append(rms(decode(diffusion, model, encode(diffusion, model, X)) - X))
    assert_halves(errors)


def test_the_error_of_a_code_halves_as_the_steps_double() -> None:
    errors = []
    for number in COUNTS:
        diffusion = process(number)
        exact = flow(X, 1.0, float(diffusion.schedule.alphas_cumprod[-1]))
        errors.append(rms(encode(diffusion, asked(gaussian, diffusion), X).numpy() - exact))
    assert_halves(errors)


def test_the_error_of_decoded_data_halves_as_the_steps_double() -> None:
    errors = []
    for number in COUNTS:
        diffusion = process(number)
        exact = flow(X, float(diffusion.schedule.alphas_cumprod[-1]), 1.0)
        errors.append(rms(decode(diffusion, asked(gaussian, diffusion), X).numpy() - exact))
    assert_halves(errors)


@pytest.mark.parametrize("denoiser", [gaussian, mixture])
@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
def test_an_edit_under_the_same_conditioning_approaches_the_identity(denoiser: Build, part: float) -> None:
    errors = []
    for number in COUNTS:
        diffusion = process(number)
        edited = edit(diffusion, asked(denoiser, diffusion), X, level=int(part * number) - 1)
        errors.append(rms(edited - X))
    assert_halves(errors)


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
def test_an_intermediate_level_is_reached_by_the_flow_to_that_level(part: float) -> None:
    errors = []
    for number in COUNTS:
        diffusion, level = process(number), int(part * number) - 1
        exact = flow(X, 1.0, float(diffusion.schedule.alphas_cumprod[level]))
        errors.append(rms(encode(diffusion, asked(gaussian, diffusion), X, level=level).numpy() - exact))
    assert_halves(errors)


def test_the_clean_level_is_reached_without_a_step() -> None:
    diffusion = process(50)
    assert torch.equal(encode(diffusion, asked(gaussian, diffusion), X, level=CLEAN), X)
    assert torch.equal(edit(diffusion, asked(gaussian, diffusion), X, level=CLEAN), X)


def test_a_path_between_two_images_approaches_the_flow_of_the_arc_between_their_codes() -> None:
    weights, errors = [0.0, 0.3, 0.5, 1.0], []
    for number in COUNTS:
        diffusion = process(number)
        abar = float(diffusion.schedule.alphas_cumprod[-1])
        a, b = (flow(X[i : i + 1], 1.0, abar)[0] for i in (0, 5))
        angle = math.acos(a @ b / math.sqrt((a @ a) * (b @ b)))
        codes = [(math.sin((1.0 - w) * angle) * a + math.sin(w * angle) * b) / math.sin(angle) for w in weights]
        path = interpolate(diffusion, asked(gaussian, diffusion), X[0:1], X[5:6], weights)
        errors.append(rms(path.numpy() - flow(torch.as_tensor(np.stack(codes)), abar, 1.0)))
    assert_halves(errors)
