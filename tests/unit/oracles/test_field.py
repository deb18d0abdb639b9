"""Stationary fields against conditioning of a Gaussian with a covariance written out as sums of cosines."""

import math

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion
from idm.oracles import GaussianDenoiser, GaussianFieldDenoiser, power_law
from idm.schedules import Level, cosine_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(50))
SPECTRUM = torch.stack([power_law((3, 4), 2.0, 0.3), power_law((3, 4), 0.5, 0.1)])


def level(alpha: float, sigma: float) -> Level:
    return Level(*(torch.tensor(value, dtype=torch.float64) for value in (alpha, sigma, 0.0)))


def covariance_of(spectrum: Tensor) -> Tensor:
    """Cov(x_a, x_b) = mean over k of S(k) cos(2 pi k (a - b) / n), entry by entry."""
    rows, columns = spectrum.shape
    values = spectrum.tolist()
    places = [(row, column) for row in range(rows) for column in range(columns)]

    def entry(first: tuple[int, int], second: tuple[int, int]) -> float:
        return sum(
            values[k][m]
            * math.cos(2 * math.pi * (k * (first[0] - second[0]) / rows + m * (first[1] - second[1]) / columns))
            for k, m in places
        ) / len(places)

    return torch.tensor([[entry(first, second) for second in places] for first in places], dtype=torch.float64)


def test_moments_are_those_of_a_conditioned_gaussian() -> None:
    oracle, at = GaussianFieldDenoiser(DIFFUSION, SPECTRUM), level(0.8, 0.5)
    covariance = torch.block_diag(*(covariance_of(spectrum) for spectrum in SPECTRUM))
    torch.testing.assert_close(oracle.covariance, covariance, rtol=0, atol=1e-13)
    x = torch.randn(5, 2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gain = torch.linalg.solve(0.64 * covariance + 0.25 * torch.eye(24, dtype=torch.float64), 0.8 * covariance).T
    found = oracle.x_start_moments(x, at, {})
    torch.testing.assert_close(found.mean.flatten(1), x.flatten(1) @ gain.T, rtol=0, atol=1e-13)
    left = (covariance - 0.8 * gain @ covariance).diagonal().expand(5, 24)
    torch.testing.assert_close(found.variance.flatten(1), left, rtol=0, atol=1e-13)


def test_a_flat_spectrum_is_independent_values() -> None:
    x, at = torch.linspace(-2, 2, 12, dtype=torch.float64).view(1, 1, 3, 4), level(0.6, 0.9)
    flat = GaussianFieldDenoiser(DIFFUSION, torch.full((1, 3, 4), 0.2)).x_start_moments(x, at, {})
    known = GaussianDenoiser(DIFFUSION, torch.zeros(1), torch.tensor([0.2])).x_start_moments(x, at, {})
    torch.testing.assert_close(flat.mean, known.mean, rtol=0, atol=1e-8)
    torch.testing.assert_close(flat.variance, known.variance, rtol=0, atol=1e-8)


def test_a_power_law_has_its_variance_and_falls_as_it_says() -> None:
    spectrum = power_law((8,), 3.0, 0.5)
    assert float(spectrum.mean()) == pytest.approx(0.5)
    assert float(spectrum[2] / spectrum[1]) == pytest.approx((5 / 2) ** -1.5)
    torch.testing.assert_close(spectrum[1:], spectrum[1:].flip(0))


@pytest.mark.parametrize("wrong", [-torch.ones(1, 4), torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.ones(4)])
def test_what_is_no_spectrum_is_refused(wrong: Tensor) -> None:
    with pytest.raises(SettingsError, match="spectrum"):
        GaussianFieldDenoiser(DIFFUSION, wrong)


def test_other_shapes_and_classes_are_refused() -> None:
    oracle = GaussianFieldDenoiser(DIFFUSION, SPECTRUM)
    with pytest.raises(SettingsError, match="x: samples of shape"):
        oracle.x_start_moments(torch.zeros(1, 2, 4, 3).double(), level(1.0, 1.0), {})
    with pytest.raises(SettingsError, match="conditioning"):
        oracle.x_start_moments(torch.zeros(1, 2, 3, 4).double(), level(1.0, 1.0), {"y": torch.zeros(1)})
