"""Gaussians against scipy and high-precision arithmetic; the discretised likelihood against its laws."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.gaussian import Gaussian, discretized_gaussian_log_likelihood, normal_kl

means = st.floats(-1.5, 1.5)
log_stds = st.floats(math.log(1e-4), 0.0)


def scalar(value: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor([value], dtype=dtype)


def gaussian(mean: float, std: float) -> Gaussian:
    return Gaussian(scalar(mean), scalar(2.0 * math.log(std)))


# KL divergence and density


@settings(max_examples=30)
@given(mean1=means, mean2=means, std1=st.floats(0.05, 2.0), std2=st.floats(0.05, 2.0))
def test_kl_is_the_expected_difference_of_log_densities(mean1: float, mean2: float, std1: float, std2: float) -> None:
    # The integrand is a polynomial of degree 2 times the first density: three Gauss-Hermite nodes are exact.
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    x = mean1 + std1 * nodes
    difference = stats.norm.logpdf(x, mean1, std1) - stats.norm.logpdf(x, mean2, std2)
    expected = difference @ weights / weights.sum()
    assert float(gaussian(mean1, std1).kl(gaussian(mean2, std2))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(mean1=means, mean2=means, log1=st.floats(-9, 3), log2=st.floats(-9, 3))
def test_kl_is_never_negative_and_zero_between_equals(mean1: float, mean2: float, log1: float, log2: float) -> None:
    assert float(normal_kl(scalar(mean1), log1, mean2, log2)) >= -1e-14
    assert float(normal_kl(scalar(mean1), log1, mean1, log1)) == 0.0


def test_kl_arguments_broadcast_and_any_of_them_may_be_the_only_tensor() -> None:
    values = torch.linspace(-1.0, 1.0, 6, dtype=torch.float64)
    grid = normal_kl(values[:, None], 0.0, 0.0, values)
    assert grid.shape == (6, 6)
    for i, mean in enumerate(values.tolist()):
        for j, logvar in enumerate(values.tolist()):
            expected = 0.5 * (logvar - 1.0 + (1.0 + mean**2) * math.exp(-logvar))
            assert float(grid[i, j]) == pytest.approx(expected, rel=1e-12)
    for place in range(4):
        numbers: list[Tensor | float] = [0.3, -0.2, -0.5, 0.4]
        numbers[place] = scalar(float(numbers[place]))
        assert float(normal_kl(*numbers)) == pytest.approx(
            0.5 * (0.4 + 0.2 - 1.0 + math.exp(-0.6) + 0.64 * math.exp(-0.4)), rel=1e-12
        )


def test_kl_of_four_numbers_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one tensor"):
        normal_kl(0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.7, 0.01), (-3.0, 20.0)])
def test_variance_std_and_log_density_are_those_of_the_normal_distribution(mean: float, std: float) -> None:
    ours = gaussian(mean, std)
    assert float(ours.variance) == pytest.approx(std**2, rel=1e-12)
    assert float(ours.std) == pytest.approx(std, rel=1e-12)
    x = np.linspace(mean - 5.0 * std, mean + 5.0 * std, 11)
    wide = Gaussian(ours.mean.expand(11), ours.log_variance.expand(11))
    np.testing.assert_allclose(wide.log_density(torch.as_tensor(x)).numpy(), stats.norm.logpdf(x, mean, std), rtol=1e-9)


# Discretised likelihood


def grid(levels: int) -> np.ndarray:
    return -1.0 + 2.0 * np.arange(levels) / (levels - 1)


def log_probabilities(mean: float, log_std: float, levels: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Of every level under one Gaussian."""
    x = torch.as_tensor(grid(levels)).to(dtype)
    return discretized_gaussian_log_likelihood(
        x, means=torch.full_like(x, mean), log_scales=torch.full_like(x, log_std), levels=levels
    )


@pytest.mark.parametrize("levels", [2, 17, 256, 65536])
@settings(max_examples=40)
@given(mean=means, log_std=log_stds)
def test_the_probabilities_of_all_levels_sum_to_one(levels: int, mean: float, log_std: float) -> None:
    log_probs = log_probabilities(mean, log_std, levels)
    assert bool((log_probs <= 1e-12).all())
    assert abs(math.fsum(log_probs.exp().tolist()) - 1.0) < 1e-9


@pytest.mark.parametrize("levels", [2, 17, 256, 65536])
@settings(max_examples=40)
@given(mean=means, log_std=log_stds)
def test_they_sum_to_one_in_float32_to_its_accuracy(levels: int, mean: float, log_std: float) -> None:
    log_probs = log_probabilities(mean, log_std, levels, torch.float32)
    assert log_probs.dtype == torch.float32
    assert abs(math.fsum(log_probs.double().exp().tolist()) - 1.0) < 1e-5


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.3), (0.37, 0.05), (-1.2, 1.0), (0.5, 0.004)])
def test_a_probability_is_the_integral_of_the_density_over_the_bin(levels: int, mean: float, std: float) -> None:
    ours = log_probabilities(mean, math.log(std), levels).exp().numpy()
    edges = np.concatenate([[-np.inf], grid(levels)[:-1] + 1.0 / (levels - 1), [np.inf]])
    expected = np.diff(stats.norm.cdf(edges, mean, std))
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("levels", [2, 17, 256, 65536])
@pytest.mark.parametrize("std", [1e-4, 3e-3, 0.05, 1.0])
@pytest.mark.parametrize("mean", [-1.5, -0.4, 0.001, 0.9, 1.5])
def test_log_probabilities_are_exact_in_both_tails(levels: int, mean: float, std: float) -> None:
    """Against 60-digit arithmetic, where no tail underflows."""
    chosen = sorted({0, 1, levels // 3, levels // 2, levels - 2, levels - 1})
    ours = log_probabilities(mean, math.log(std), levels)[chosen]
    with mpmath.workdps(60):
        centre, width = mpmath.mpf(mean), mpmath.exp(mpmath.mpf(math.log(std)))

        def tail(edge: mpmath.mpf) -> mpmath.mpf:
            return mpmath.erfc(edge / width / mpmath.sqrt(2)) / 2

        for k, value in zip(chosen, ours.tolist(), strict=True):
            lower, upper = (mpmath.mpf(2 * k + side) / (levels - 1) - 1 - centre for side in (-1, 1))
            if k == 0:
                mass = tail(-upper)
            elif k == levels - 1:
                mass = tail(lower)
            else:  # the difference of two small tails, on whichever side of the mean they are small
                mass = tail(lower) - tail(upper) if lower + upper > 0 else tail(-upper) - tail(-lower)
            assert value == pytest.approx(float(mpmath.log(mass)), rel=1e-7, abs=1e-12)


@given(mean=means, log_std=log_stds, shift=st.floats(-0.49, 0.49), k=st.integers(0, 16))
def test_a_value_off_the_grid_counts_as_its_nearest_level(mean: float, log_std: float, shift: float, k: int) -> None:
    on, off = (
        Gaussian(scalar(mean), scalar(2.0 * log_std)).discretized_log_likelihood(scalar(x), levels=17)
        for x in (grid(17)[k], grid(17)[k] + shift * 2.0 / 16)
    )
    assert torch.equal(on, off)


def test_values_beyond_the_range_count_as_the_outermost_levels() -> None:
    broad = Gaussian(torch.zeros(4), torch.zeros(4))
    values = broad.discretized_log_likelihood(torch.tensor([-7.0, -1.0, 1.0, 7.0]), levels=17)
    assert values[0] == values[1]
    assert values[2] == values[3]


@given(mean=means, log_std=log_stds, levels=st.sampled_from([2, 17, 256]), wide=st.booleans())
def test_its_gradients_are_finite_everywhere(mean: float, log_std: float, levels: int, wide: bool) -> None:
    x = torch.as_tensor(grid(levels)).to(torch.float64 if wide else torch.float32)
    parameters = [torch.full_like(x, value, requires_grad=True) for value in (mean, log_std)]
    discretized_gaussian_log_likelihood(
        x, means=parameters[0], log_scales=parameters[1], levels=levels
    ).sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in parameters if p.grad is not None)
    assert all(p.grad is not None for p in parameters)


def test_its_gradient_is_the_score_of_the_bin() -> None:
    """d log P / d mean = (density at the lower edge - density at the upper edge) / P."""
    x, mean, std = torch.tensor([-1.0, -0.5, 0.25, 1.0]).double(), 0.1, 0.4
    centre = torch.full_like(x, mean, requires_grad=True)
    discretized_gaussian_log_likelihood(
        x, means=centre, log_scales=torch.full_like(x, math.log(std)), levels=17
    ).sum().backward()
    lower = np.where(x.numpy() == -1.0, -np.inf, x.numpy() - 1 / 16)
    upper = np.where(x.numpy() == 1.0, np.inf, x.numpy() + 1 / 16)
    density, cdf = (getattr(stats.norm(mean, std), name) for name in ("pdf", "cdf"))
    expected = (density(lower) - density(upper)) / (cdf(upper) - cdf(lower))
    assert centre.grad is not None
    np.testing.assert_allclose(centre.grad.numpy(), expected, rtol=1e-9)


def test_many_fine_levels_approach_the_density_times_the_bin_width() -> None:
    levels, mean, std = 65536, 0.2, 0.3
    ours = log_probabilities(mean, math.log(std), levels)[1000:64000:1000]
    x = grid(levels)[1000:64000:1000]
    expected = stats.norm.logpdf(x, mean, std) + math.log(2.0 / (levels - 1))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=1e-7)


def test_a_perfect_mean_leaves_the_bits_that_its_spread_costs() -> None:
    """bits = -log2 of the mass within half a bin, by numerical integration."""
    for std in (0.00314, 0.0039, 0.0078, 0.01):
        mass, _ = integrate.quad(lambda x, s=std: stats.norm.pdf(x, 0.0, s), -1 / 255, 1 / 255)
        x = scalar(grid(256)[100])
        ours = Gaussian(x, scalar(2.0 * math.log(std))).discretized_log_likelihood(x)
        assert float(-ours) == pytest.approx(-math.log(mass), rel=1e-9)


@pytest.mark.parametrize("levels", [1, 0, -3])
@pytest.mark.parametrize("reference_cdf", [True, False])
def test_fewer_than_two_levels_are_refused(levels: int, reference_cdf: bool) -> None:
    with pytest.raises(SettingsError, match=f"levels: at least 2 wanted .* got {levels}"):
        discretized_gaussian_log_likelihood(
            scalar(0.0), means=scalar(0.0), log_scales=scalar(0.0), levels=levels, reference_cdf=reference_cdf
        )


# The reference's approximation


def reference_cdf(z: float) -> float:
    return 0.5 * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


def reference(x: float, mean: float, std: float) -> float:
    """improved-diffusion, losses.py, for 256 levels."""
    plus = reference_cdf((x - mean + 1.0 / 255.0) / std)
    minus = reference_cdf((x - mean - 1.0 / 255.0) / std)
    if x < -0.999:
        return math.log(max(plus, 1e-12))
    return math.log(max(1.0 - minus if x > 0.999 else plus - minus, 1e-12))


@given(x=st.sampled_from(grid(256).tolist()), mean=means, std=st.floats(0.003, 1.0))
def test_the_parity_switch_is_the_references_tanh_form(x: float, mean: float, std: float) -> None:
    ours = discretized_gaussian_log_likelihood(
        scalar(x), means=scalar(mean), log_scales=scalar(math.log(std)), reference_cdf=True
    )
    # Near its clamp the form is a difference of numbers near 1: compare probabilities there.
    assert math.exp(float(ours)) == pytest.approx(math.exp(reference(x, mean, std)), rel=1e-6, abs=1e-13)


def test_the_parity_switch_saturates_at_39_86_bits_where_the_exact_value_goes_on() -> None:
    x, mean, log_std = scalar(0.0), scalar(1.0), scalar(math.log(0.05))
    approximate, exact = (
        -discretized_gaussian_log_likelihood(x, means=mean, log_scales=log_std, reference_cdf=switch) / math.log(2.0)
        for switch in (True, False)
    )
    assert float(approximate) == pytest.approx(12.0 * math.log2(10.0), rel=1e-12)
    assert float(exact) > 280.0


def test_the_approximation_agrees_with_the_exact_value_near_the_mean() -> None:
    x = torch.as_tensor(grid(256))
    arguments = {"means": torch.full_like(x, 0.1), "log_scales": torch.full_like(x, math.log(0.3))}
    near = (x - 0.1).abs() < 0.6
    approximate, exact = (
        discretized_gaussian_log_likelihood(x, **arguments, reference_cdf=switch)[near] for switch in (True, False)
    )
    torch.testing.assert_close(approximate, exact, rtol=0, atol=0.02)
