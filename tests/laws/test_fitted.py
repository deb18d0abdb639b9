"""Laws of fitted solvers: on data whose flow is known in closed form, the weights are what algebra says.

Of N(0, s^2) the flow keeps z = x / r with r(s) = sqrt(alpha^2 s^2 + sigma^2), and the x_0 found at a level is
alpha s^2 / r z. A step of weights w is exact where keep r_up + sum_j w_j alpha_j s^2 / r_j = r_down for every s.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import Denoised, GaussianDiffusion
from idm.samplers import MultistepRule, SamplerFitted, SamplerMultistep, StepWeights, fit_weights
from idm.samplers.fitted import exponential_weights
from idm.samplers.fitting import nearest_weights
from idm.schedules import Flow, Level, Path, PathGrid, cosine_schedule

PATHS: dict[str, Path] = {"cosine": cosine_schedule(1000).path, "flow": Flow()}
KAPPAS = np.array([0.1, 0.5, 2.0, 20.0])
TWO, SIX = np.array([0.2, 0.9]), np.array([0.05, 0.2, 0.4, 0.7, 1.0, 1.5])
"""Standard deviations of the data's elements."""

every_path = pytest.mark.parametrize("path", list(PATHS))


def process(path: str) -> GaussianDiffusion:
    return GaussianDiffusion(PathGrid(PATHS[path], PATHS[path].time_of(np.log(KAPPAS))))


@dataclass
class Gaussian:
    """The exact denoiser of independent elements of those standard deviations, which counts its calls."""

    deviations: np.ndarray
    calls: int = 0

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        self.calls += 1
        variance = torch.from_numpy(self.deviations**2)
        found = at.alpha * variance / (at.alpha**2 * variance + at.sigma**2) * x
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Gaussian":
        return self


def spreads(diffusion: GaussianDiffusion, deviations: np.ndarray) -> np.ndarray:
    """r [T + 1, d]: of clean data, then of every place."""
    levels = diffusion.grid.levels
    r = np.sqrt(levels.alpha.numpy()[:, None] ** 2 * deviations**2 + levels.sigma.numpy()[:, None] ** 2)
    return np.concatenate([deviations[None], r])


def signs(dimensions: int) -> Tensor:
    """Values of z that weigh every element alike, and in no two alike."""
    rows = torch.tensor([[(row >> column) & 1 for column in range(dimensions)] for row in range(2**dimensions)])
    return (2.0 * rows - 1.0).double()


def states_of(diffusion: GaussianDiffusion, deviations: np.ndarray, z: Tensor) -> Callable[[int], Tensor]:
    r = torch.from_numpy(spreads(diffusion, deviations))
    return lambda place: r[place + 1] * z


def features(diffusion: GaussianDiffusion, deviations: np.ndarray, i: int) -> np.ndarray:
    """What a step from place i multiplies [d, 1 + known], in units of z, where the steps before were exact."""
    alpha, r = diffusion.grid.levels.alpha.numpy(), spreads(diffusion, deviations)[1:]
    known = [alpha[place] * deviations**2 / r[place] for place in range(i, len(KAPPAS))]
    return np.stack([r[i], *known], axis=1)


@every_path
def test_of_two_variances_every_step_is_the_exact_flow_by_the_weights_nearest_to_the_exponential_ones(
    path: str,
) -> None:
    diffusion, z = process(path), signs(2)
    target = states_of(diffusion, TWO, z)
    fitted = fit_weights(diffusion, Gaussian(TWO), target(3), target, ridge=1e-11)
    r = spreads(diffusion, TWO)
    for i, weights in enumerate(fitted):
        at = features(diffusion, TWO, i)
        start = np.zeros(at.shape[1])
        exponential = exponential_weights(diffusion, i, at.shape[1] - 1)
        start[: 1 + len(exponential.values)] = [exponential.keep, *exponential.values]
        expected = start + np.linalg.pinv(at) @ (r[i] - at @ start)
        np.testing.assert_allclose([weights.keep, *weights.values], expected, atol=1e-5)
    sampler, new = SamplerFitted(diffusion, False, weights=fitted), torch.randn(50, 2, dtype=torch.float64)
    reached = sampler.draw(Gaussian(TWO), torch.from_numpy(r[4]) * new)
    torch.testing.assert_close(reached, torch.from_numpy(TWO) * new, rtol=0, atol=1e-5)


@every_path
def test_of_more_variances_than_weights_a_step_is_their_least_squares(path: str) -> None:
    diffusion, z = process(path), signs(6)
    target = states_of(diffusion, SIX, z)
    *_, first = fit_weights(diffusion, Gaussian(SIX), target(3), target, ridge=0.0)
    at, r = features(diffusion, SIX, 3), spreads(diffusion, SIX)
    expected, *_ = np.linalg.lstsq(at, r[3])
    np.testing.assert_allclose([first.keep, *first.values], expected, atol=1e-9)


@every_path
def test_where_x_0_changes_evenly_in_the_log_snr_the_weights_are_the_exponential_ones(path: str) -> None:
    """With x_0 = a + b lambda the flow is x = alpha (a + b (lambda - 1)) + sigma c: nothing but the walks is told."""
    diffusion = process(path)
    levels, log_snr = diffusion.grid.levels, -torch.log(diffusion.grid.levels.kappa)
    a, b, c = torch.randn(3, 40, 1, dtype=torch.float64)
    states = [
        alpha * (a + b * (at - 1.0)) + sigma * c
        for alpha, sigma, at in zip(levels.alpha, levels.sigma, log_snr, strict=True)
    ]
    rule = SamplerMultistep(diffusion, rule=MultistepRule.EXPONENTIAL)
    for i in (1, 2):
        found = nearest_weights(
            (states[i], a + b * log_snr[i], a + b * log_snr[i + 1]), states[i - 1], StepWeights(0.0, (0.0,)), ridge=0.0
        )
        expected = rule.weights(i, 2, a)
        np.testing.assert_allclose(
            [found.keep, *found.values], [*map(float, (expected.keep, *expected.predict))], rtol=1e-9
        )


@every_path
@pytest.mark.parametrize("ridge", [1e-9, 1e-4, 1.0])
def test_of_a_single_point_the_exponential_weights_stay_what_they_are(path: str, ridge: float) -> None:
    diffusion, z = process(path), torch.randn(9, 3, dtype=torch.float64)
    point = torch.tensor([0.3, -0.8, 0.1], dtype=torch.float64)
    levels = diffusion.grid.levels

    @dataclass
    class Point:
        def __call__(self, x: Tensor, at: Level) -> Denoised:
            return Denoised(point.expand_as(x), point.expand_as(x))

        def select(self, rows: Tensor) -> "Point":
            return self

    def target(place: int) -> Tensor:
        return point.expand_as(z) if place < 0 else levels.alpha[place] * point + levels.sigma[place] * z

    fitted = fit_weights(diffusion, Point(), target(3), target, ridge=ridge)
    for i, weights in enumerate(fitted):
        expected = exponential_weights(diffusion, i, 4 - i)
        values = np.zeros(4 - i)
        values[: len(expected.values)] = expected.values
        np.testing.assert_allclose([weights.keep, *weights.values], [expected.keep, *values], atol=1e-9)


@every_path
def test_on_walks_that_it_has_not_seen_a_fit_is_nearer_to_the_flow_than_the_rule_that_it_started_from(
    path: str,
) -> None:
    diffusion, generator = process(path), torch.Generator().manual_seed(0)
    target = states_of(diffusion, SIX, torch.randn(200, 6, dtype=torch.float64, generator=generator))
    fitted = fit_weights(diffusion, Gaussian(SIX), target(3), target)
    new = states_of(diffusion, SIX, torch.randn(200, 6, dtype=torch.float64, generator=generator))
    denoise = Gaussian(SIX)
    errors = [
        float((SamplerFitted(diffusion, False, weights=weights).draw(denoise, new(3)) - new(-1)).square().mean().sqrt())
        for weights in ((), fitted)
    ]
    assert errors[1] < 0.25 * errors[0]
    assert denoise.calls == 2 * 4


def test_a_fit_calls_the_network_once_for_each_step_and_batch() -> None:
    diffusion, denoise = process("cosine"), Gaussian(TWO)
    target = states_of(diffusion, TWO, signs(2))
    whole = fit_weights(diffusion, denoise, target(3), target)
    assert denoise.calls == 4
    in_parts = fit_weights(diffusion, denoise, target(3), target, batch_size=3)
    assert denoise.calls == 4 + 2 * 4
    assert in_parts == whole
