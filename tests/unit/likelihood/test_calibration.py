"""The error curve: the mean squared error of the predicted x_0 at levels, and what the decoder makes of it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from idm.core.errors import NumericalError, SettingsError
from idm.core.types import Network
from idm.diffusion import (
    ContinuousDecoder,
    Denoiser,
    ErrorCurve,
    GaussianDiffusion,
    ModelMeanType,
    ModelVarType,
)
from idm.likelihood import calc_bpd_loop, estimate_error_curve, with_error_curve
from idm.likelihood.calibration import isotonic, spread_places
from idm.schedules import cosine_schedule

DIFFUSION = GaussianDiffusion(
    cosine_schedule(6),
    model_mean_type=ModelMeanType.START_X,
    model_var_type=ModelVarType.FIXED_LARGE,
    decoder=ContinuousDecoder(),
)
X = torch.as_tensor(np.random.default_rng(0).uniform(-1.0, 1.0, (5, 2, 3)))


def quarter(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.full_like(x, 0.25)


def bound(model: Network, conditioning: dict[str, Tensor] | None = None, *, clip: bool = True) -> Denoiser:
    return DIFFUSION.denoiser(model, conditioning=conditioning, clip=clip)


def decoder(log_variance: float) -> ErrorCurve:
    """A curve of the lowest level alone."""
    return ErrorCurve((math.log(float(DIFFUSION.grid.levels.kappa[0])),), (math.exp(log_variance),), (None,))


def estimate(denoise: Denoiser, x_start: Tensor = X, **options: Any) -> ErrorCurve:
    return estimate_error_curve(DIFFUSION, denoise, x_start, **options)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_a_constant_prediction_has_its_own_mean_squared_error_in_any_batches(batch_size: int) -> None:
    of_each = ((X.numpy() - 0.25) ** 2).reshape(5, -1).mean(1)
    curve = estimate(bound(quarter), batch_size=batch_size, num_levels=1)
    assert curve.mean_squared_error == (pytest.approx(of_each.mean(), rel=1e-6),)
    assert curve.standard_error == (pytest.approx(of_each.std(ddof=1) / math.sqrt(5), rel=1e-6),)


def test_every_sample_is_looked_at_at_the_lowest_level_and_once_elsewhere() -> None:
    """With two levels each sees all samples, whose errors are known: means and standard errors follow."""
    of_each = ((X.numpy() - 0.25) ** 2).reshape(5, -1).mean(1)
    curve = estimate(bound(quarter), num_levels=2)
    assert curve.log_kappa == pytest.approx(np.log(DIFFUSION.grid.levels.kappa.numpy()[[0, -1]]))
    assert curve.mean_squared_error == pytest.approx([of_each.mean()] * 2, rel=1e-6)
    assert curve.standard_error == pytest.approx([of_each.std(ddof=1) / math.sqrt(5)] * 2, rel=1e-6)


def test_the_lowest_level_is_the_average_of_all_samples_whatever_the_others_say() -> None:
    """Samples dealt to the level above have smaller errors by chance: it is raised, the lowest is not lowered."""
    x_start = torch.tensor([0.5, 1.0, 0.5, 0.5], dtype=torch.float64).view(4, 1, 1)

    def nothing(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.zeros_like(x)

    curve = estimate(bound(nothing), x_start, num_levels=3)
    of_each = np.array([0.25, 1.0, 0.25, 0.25])
    # The middle level is dealt samples 0 and 2, the highest 1 and 3.
    assert curve.mean_squared_error == pytest.approx([of_each.mean(), of_each.mean(), 0.625])
    lowest, highest = of_each.std(ddof=1) / 2.0, of_each[[1, 3]].std(ddof=1) / math.sqrt(2)
    assert curve.standard_error == pytest.approx([lowest, lowest, highest])


@pytest.mark.parametrize("wrong", [{"num_levels": 0}, {"batch_size": 0}, {"x_start": X[:0]}])
def test_nothing_to_estimate_from_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="error curve: at least one sample, one level"):
        estimate(bound(quarter), **wrong)


def test_labels_go_with_their_images() -> None:
    def of_label(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return (0.1 * conditioning["y"].to(x.dtype)).view(-1, 1, 1).expand_as(x)

    labels = torch.arange(5)
    expected = np.mean((X.numpy() - 0.1 * np.arange(5).reshape(5, 1, 1)) ** 2)
    curve = estimate(bound(of_label, {"y": labels}), batch_size=2, num_levels=1)
    assert curve.mean_squared_error[0] == pytest.approx(expected, rel=1e-6)


def test_the_levels_that_are_asked_are_those_of_the_curve() -> None:
    times: list[int] = []

    def witness(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        times.extend(time.tolist())
        return quarter(x, time)

    estimate(bound(witness), num_levels=3)
    log_kappa = np.log(DIFFUSION.grid.levels.kappa.numpy())
    middle = int(np.abs(log_kappa - log_kappa[[0, -1]].mean()).argmin())
    assert times == [0] * 5 + [middle, 5, middle, 5, middle]


@pytest.mark.parametrize("num_samples", [1, 2, 3])
def test_few_samples_make_a_short_curve(num_samples: int) -> None:
    curve = estimate(bound(quarter), X[:num_samples])
    assert len(curve.log_kappa) == min(6, num_samples + 1)


def test_a_perfect_prediction_still_scores_finitely() -> None:
    perfect = torch.full((3, 2, 3), 0.25, dtype=torch.float64)
    curve = estimate(bound(quarter), perfect)
    assert curve.mean_squared_error == (0.0,) * len(curve.log_kappa)
    assert math.isfinite(float(calc_bpd_loop(with_error_curve(DIFFUSION, curve), quarter, perfect).vb[:, 0].sum()))


def test_the_fitted_variance_scores_the_data_it_was_fitted_on_better_than_its_neighbours() -> None:
    fitted = math.log(estimate(bound(quarter), num_levels=1).mean_squared_error[0])
    scores = {
        shift: float(calc_bpd_loop(with_error_curve(DIFFUSION, decoder(fitted + shift)), quarter, X).vb[:, 0].mean())
        for shift in (-0.2, -1e-3, 0.0, 1e-3, 0.2)
    }
    assert min(scores, key=scores.__getitem__) == 0.0
    # The best Gaussian of one variance has the entropy of that variance: 0.5 ln(2 pi e v).
    entropy = 0.5 * (math.log(2.0 * math.pi * math.e) + fitted) / math.log(2.0)
    assert scores[0.0] == pytest.approx(entropy, rel=1e-6)


def test_a_curve_changes_the_decoder_term_alone() -> None:
    plain = calc_bpd_loop(DIFFUSION, quarter, X)
    fitted = calc_bpd_loop(with_error_curve(DIFFUSION, decoder(-1.5)), quarter, X)
    torch.testing.assert_close(fitted.vb[:, 1:], plain.vb[:, 1:], rtol=0, atol=0)
    density = -0.5 * (math.log(2.0 * math.pi) - 1.5 + (X.numpy() - 0.25) ** 2 * math.exp(1.5))
    expected = -density.reshape(5, -1).mean(1) / math.log(2.0)
    np.testing.assert_allclose(fitted.vb[:, 0].numpy(), expected, rtol=1e-10)


def test_a_second_curve_replaces_the_first() -> None:
    twice = with_error_curve(with_error_curve(DIFFUSION, decoder(2.0)), decoder(-1.5))
    assert twice.variance == with_error_curve(DIFFUSION, decoder(-1.5)).variance


@pytest.mark.parametrize(("clip", "used"), [(True, 1.0), (False, 3.0)])
def test_the_prediction_is_clipped_as_the_bound_will_clip_it(clip: bool, used: float) -> None:
    def three(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, 3.0)

    expected = np.mean((X.numpy() - used) ** 2)
    assert estimate(bound(three, clip=clip), num_levels=1).mean_squared_error[0] == pytest.approx(expected, rel=1e-6)


def test_predictions_that_are_not_finite_have_no_curve() -> None:
    def broken(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, torch.nan)

    diffusion = GaussianDiffusion(cosine_schedule(10))
    with pytest.raises(NumericalError, match="finite predictions of x_0 wanted"):
        estimate_error_curve(diffusion, diffusion.denoiser(broken), torch.zeros(2, 1, 4))


def test_levels_lie_evenly_in_the_logarithm_of_kappa() -> None:
    even = cosine_schedule(4000).of_ratios(np.exp(np.linspace(-4.0, 4.0, 97)))
    assert spread_places(even, 25) == [*range(0, 97, 4)]
    assert spread_places(even, 1000) == [*range(97)]
    uneven = cosine_schedule(4000).of_ratios(np.exp([-4.0, -3.9, -3.8, 1.0, 4.0]))
    assert spread_places(uneven, 3) == [0, 3, 4]  # 0 lies nearest to 1


@given(st.lists(st.tuples(st.floats(0.0, 4.0, width=16), st.integers(1, 9)), min_size=1, max_size=12))
def test_what_falls_is_averaged_as_scikit_learn_does(pairs: list[tuple[float, int]]) -> None:
    from sklearn.isotonic import isotonic_regression

    values, weights = (np.array(numbers, dtype=float) for numbers in zip(*pairs, strict=True))
    ours = isotonic(values, weights)
    np.testing.assert_allclose(ours, isotonic_regression(values, sample_weight=weights), rtol=1e-9, atol=1e-12)
    assert (np.diff(ours) >= 0).all()
