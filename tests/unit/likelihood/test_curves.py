"""Error curves of channels and of single values, estimated from samples."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import NumericalError, SettingsError
from idm.diffusion import ContinuousDecoder, DiscretizedDecoder, ErrorCurve, GaussianDiffusion, ModelMeanType
from idm.likelihood import BoundByCurve, Calibration, estimate_error_curves
from idm.schedules import cosine_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(6), model_mean_type=ModelMeanType.START_X, decoder=ContinuousDecoder())
X = torch.as_tensor(np.random.default_rng(0).uniform(-1.0, 1.0, (7, 2, 3)))


def quarter(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.full_like(x, 0.25)


def estimate(network: Any = quarter, x_start: Tensor = X, **options: Any) -> Calibration:
    return estimate_error_curves(DIFFUSION, DIFFUSION.denoiser(network, clip=False), x_start, **options)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_of_a_constant_prediction_all_is_known(batch_size: int) -> None:
    """Levels in turn see the samples of even and of odd numbers; each average counts one of what is coarser more."""
    found = estimate(batch_size=batch_size, num_levels=2)
    errors = (X.numpy() - 0.25) ** 2
    even, odd = errors[::2], errors[1::2]
    together = np.array([even.mean(), odd.mean()])
    if together[0] > together[1]:
        together[:] = (4 * together[0] + 3 * together[1]) / 7
    assert found.together.mean_squared_error == pytest.approx(together)
    spread = [part.mean((1, 2)).std(ddof=1) / math.sqrt(len(part)) for part in (even, odd)]
    assert found.together.standard_error == pytest.approx(spread)
    of_channels = [
        (len(part) * part.mean((0, 2)) + whole) / (len(part) + 1)
        for part, whole in zip((even, odd), together, strict=True)
    ]
    grow = of_channels[0] <= of_channels[1]
    pooled = (4 * of_channels[0] + 3 * of_channels[1]) / 7
    expected = np.stack([np.where(grow, part, pooled) for part in of_channels])
    np.testing.assert_allclose(found.of_channels.mean_squared_error[..., 0].numpy(), expected)
    assert found.of_channels.mean_squared_error.shape == (2, 2, 1)
    of_places = [
        (len(part) * part.mean(0) + whole[:, None]) / (len(part) + 1)
        for part, whole in zip((even, odd), expected, strict=True)
    ]
    pooled = (4 * of_places[0] + 3 * of_places[1]) / 7
    expected = np.stack([np.where(of_places[0] <= of_places[1], part, pooled) for part in of_places])
    np.testing.assert_allclose(found.of_places.mean_squared_error.numpy(), expected)
    of_one = even[:, 1, 2].std(ddof=1) / 2.0
    assert float(found.of_places.standard_error[0, 1, 2]) == pytest.approx(of_one)
    assert found.power == pytest.approx(float((X**2).mean()))
    assert found.num == 7


def test_each_value_has_a_curve_that_grows_with_the_noise() -> None:
    def noisy(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.sin(40.0 * x)

    found = estimate(noisy)
    assert bool((found.of_places.mean_squared_error.diff(dim=0) >= 0).all())
    assert len(found.together.log_kappa) == 6


def test_labels_go_with_their_samples() -> None:
    def of_label(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return (0.1 * conditioning["y"].to(x.dtype)).view(-1, 1, 1).expand_as(x)

    labels = torch.arange(7)
    denoise = DIFFUSION.denoiser(of_label, conditioning={"y": labels}, clip=False)
    found = estimate_error_curves(DIFFUSION, denoise, X, batch_size=2, num_levels=1)
    even = (X.numpy() - 0.1 * np.arange(7).reshape(7, 1, 1))[::2] ** 2
    assert found.together.mean_squared_error[0] == pytest.approx(even.mean())


def test_points_have_no_space_and_a_single_sample_no_standard_error() -> None:
    found = estimate(x_start=X[:1, :, 0])
    assert found.of_channels.mean_squared_error.shape == found.of_places.mean_squared_error.shape == (6, 2)
    assert set(found.together.standard_error) == {None}
    assert bool(found.of_places.standard_error.isnan().all())


@pytest.mark.parametrize("wrong", [{"num_levels": 0}, {"batch_size": 0}, {"x_start": X[:0]}])
def test_nothing_to_estimate_from_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="error curve: at least one sample, one level"):
        estimate(**wrong)


def test_predictions_that_are_not_finite_have_no_curves() -> None:
    with pytest.raises(NumericalError, match="finite predictions of x_0 wanted"):
        estimate(lambda x, time, **_: torch.full_like(x, torch.nan))


@pytest.mark.parametrize("levels", [256, 17, 3])
def test_the_decoder_costs_nothing_where_errors_are_small_and_as_a_density_where_bins_are(levels: int) -> None:
    """In the limits: an error far below half a bin costs 0, one far above it what its density does."""
    found = estimate(num_levels=6)
    bound = BoundByCurve(DIFFUSION.grid, found.together, DiscretizedDecoder(levels), found.power)
    bin_width = 2.0 / (levels - 1)
    small, large = (0.01 * bin_width) ** 2, (20.0 * bin_width) ** 2
    of_small, of_large = bound._decoder(np.array([[small], [large]]))
    assert of_small == pytest.approx(0.0, abs=1e-6)
    if levels > 100:  # else the outermost bins, which reach to infinity, count
        assert of_large == pytest.approx(0.5 * math.log2(2 * math.pi * math.e * large / bin_width**2), abs=2e-3)


def test_a_thousand_levels_are_planned_with_groups_of_like_values_as_with_all() -> None:
    """Values in groups of like errors: the bound of the plan is that of a plan from all values, to a thousandth."""
    from idm.diffusion import ErrorCurves
    from idm.likelihood import planning

    grid = cosine_schedule(60)
    variances = torch.as_tensor(np.random.default_rng(1).lognormal(-2.0, 1.5, (1, 20, 20)))
    squared = grid.levels.kappa.view(-1, 1, 1, 1) ** 2
    errors = variances * squared / (variances + squared)
    curve = ErrorCurves(torch.log(grid.levels.kappa), errors, errors)
    bound = BoundByCurve(grid, curve, ContinuousDecoder(), 1.0)
    grouped = bound.of(bound.best_places(6))
    before, planning.MOST_GROUPS = planning.MOST_GROUPS, 400
    try:
        whole = bound.of(bound.best_places(6))
    finally:
        planning.MOST_GROUPS = before
    assert whole - 1e-12 <= grouped <= whole + 1e-3


def test_of_many_levels_the_best_of_those_that_lie_evenly_in_log_kappa_are_planned(monkeypatch) -> None:
    """Compared with all walks over the nearest levels to ten ratios, and the last level, found one by one."""
    monkeypatch.setattr("idm.likelihood.planning.MOST_PLACES", 11)
    grid = cosine_schedule(60)
    logs = [math.log(kappa) for kappa in grid.levels.kappa.tolist()]
    wanted = [logs[0] + (logs[-1] - logs[0]) * i / 9 for i in range(10)]
    nearest = {min(range(60), key=lambda place, log=log: abs(logs[place] - log)) for log in wanted}
    squared = grid.levels.kappa**2  # half of the values have variance 1, half 0.01; of one alone all walks cost alike
    errors = 0.5 * squared / (1.0 + squared) + 0.5 * 0.01 * squared / (0.01 + squared)
    curve = ErrorCurve(tuple(logs), tuple(errors.tolist()), (None,) * 60)
    bound = BoundByCurve(grid, curve, ContinuousDecoder(), 1.0)
    best = min(combinations(sorted(nearest | {59}), 4), key=lambda places: bound.of(list(places)))
    assert bound.best_places(4) == list(best)
    with pytest.raises(SettingsError, match=f"steps: a number from 1 to {len(nearest | {59})} wanted"):
        bound.best_places(12)


def test_a_million_levels_are_planned_in_little_memory(monkeypatch) -> None:
    """Of a million levels no table of all pairs is made, which would take eight terabytes."""
    monkeypatch.setattr("idm.likelihood.planning.MOST_PLACES", 100)
    grid = cosine_schedule(10**6)
    bound = BoundByCurve(grid, ErrorCurve.at_one(float(grid.levels.kappa[0]), 0.01), ContinuousDecoder(), 1.0)
    places = bound.best_places(5)
    assert len(set(places)) == 5
    assert places == sorted(places)
    assert bound.of(places) < bound.of([0, 250_000, 500_000, 750_000, 999_999])
