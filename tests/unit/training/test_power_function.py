"""Any average from two that were stored along the way."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from idm.core.errors import SettingsError
from idm.training.power_function import Average, combine, gamma_of, inner_product


@pytest.mark.parametrize(("sigma_rel", "gamma"), [(0.05, 16.97), (0.10, 6.94)])
def test_the_exponents_of_the_paper(sigma_rel, gamma):
    assert gamma_of(sigma_rel) == pytest.approx(gamma, abs=0.005)


@pytest.mark.parametrize("sigma_rel", [0.001, 0.03, 0.1, 0.2, 0.28])
def test_the_width_of_an_exponent_is_the_standard_deviation_of_its_profile(sigma_rel):
    gamma = gamma_of(sigma_rel)  # a beta distribution with parameters gamma + 1 and 1
    assert math.sqrt((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))) == pytest.approx(sigma_rel, rel=1e-9)


@pytest.mark.parametrize("sigma_rel", [0.0, -0.1, 0.29, math.nan, math.inf])
def test_widths_that_no_profile_has(sigma_rel):
    with pytest.raises(SettingsError, match="sigma_rel: a width from 1e-06"):
        gamma_of(sigma_rel)


def profile(average):
    return lambda s: (average.gamma + 1) * s**average.gamma / average.step ** (average.gamma + 1)


@pytest.mark.parametrize("a", [Average(1.0, 3.0), Average(0.4, 16.97)])
@pytest.mark.parametrize("b", [Average(1.0, 6.94), Average(0.7, 0.5), Average(0.4, 16.97)])
def test_the_inner_product_is_the_integral(a, b):
    wanted, _ = quad(lambda s: profile(a)(s) * profile(b)(s), 0, min(a.step, b.step), epsabs=1e-12)
    assert inner_product(a, b) == pytest.approx(wanted, rel=1e-8)
    assert inner_product(b, a) == inner_product(a, b)


def stored(count, sigma_rels=(0.05, 0.1)):
    return [Average(100.0 * k, gamma_of(s)) for k in range(1, count + 1) for s in sigma_rels]


def test_a_stored_average_is_itself():
    snapshots = stored(8)
    for i, snapshot in enumerate(snapshots):
        found = combine(snapshots, snapshot)
        assert found.error < 1e-6
        np.testing.assert_allclose(found.weights, np.eye(16)[i], atol=1e-6)


@pytest.mark.parametrize("sigma_rel", [0.03, 0.07, 0.15, 0.2])
def test_the_error_is_the_distance_of_the_profiles(sigma_rel):
    snapshots, wanted = stored(8), Average(800.0, gamma_of(sigma_rel))
    found = combine(snapshots, wanted)

    def difference(s):
        near = sum(w * profile(a)(s) for w, a in zip(found.weights, snapshots, strict=True) if s <= a.step)
        return (near - profile(wanted)(s)) ** 2

    edges = np.linspace(0, 800, 9)
    square = sum(quad(difference, low, high, limit=200)[0] for low, high in pairwise(edges))
    norm = (wanted.gamma + 1) ** 2 / ((2 * wanted.gamma + 1) * wanted.step)
    assert found.error == pytest.approx(math.sqrt(square / norm), rel=1e-3)
    assert sum(found.weights) == pytest.approx(1)


def test_more_snapshots_come_nearer():
    wanted = gamma_of(0.15)
    errors = [combine(stored(n), Average(100.0 * n, wanted)).error for n in (4, 8, 16, 32)]
    assert all(b < 0.6 * a for a, b in pairwise(errors))


@pytest.mark.parametrize("sigma_rel", [0.06, 0.08, 0.12, 0.15])
def test_a_random_walk_averaged_afterwards_is_as_if_averaged_all_along(sigma_rel):
    steps, gammas = 3_200, {s: gamma_of(s) for s in (0.05, 0.1, sigma_rel)}
    walk = np.cumsum(np.random.default_rng(0).normal(size=(steps, 50)), axis=0)
    averages, snapshots = dict.fromkeys(gammas, 0.0), []
    for n in range(1, steps + 1):
        for s, gamma in gammas.items():
            beta = (1 - 1 / n) ** (gamma + 1)
            averages[s] = beta * averages[s] + (1 - beta) * walk[n - 1]
        if n % 100 == 0:
            snapshots += [(Average(n, gammas[s]), averages[s]) for s in (0.05, 0.1)]
    found = combine([average for average, _ in snapshots], Average(steps, gammas[sigma_rel]))
    made = sum(w * value for w, (_, value) in zip(found.weights, snapshots, strict=True))
    spread = np.abs(walk[-1] - averages[sigma_rel]).mean()
    assert np.abs(made - averages[sigma_rel]).max() < 2e-3 * spread
