"""The fitted decoder variance is the mean squared error of the predicted x_0 at step 0."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import NumericalError
from idm.diffusion import ContinuousDecoder, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.likelihood import calc_bpd_loop, fit_decoder_log_variance, with_decoder_log_variance
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


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_a_constant_prediction_has_its_own_mean_squared_error_in_any_batches(batch_size: int) -> None:
    expected = math.log(np.mean((X.numpy() - 0.25) ** 2))
    fitted = fit_decoder_log_variance(DIFFUSION, quarter, X, batch_size=batch_size)
    assert fitted == pytest.approx(expected, rel=1e-6)


def test_labels_go_with_their_images() -> None:
    def of_label(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return (0.1 * conditioning["y"].to(x.dtype)).view(-1, 1, 1).expand_as(x)

    labels = torch.arange(5)
    expected = math.log(np.mean((X.numpy() - 0.1 * np.arange(5).reshape(5, 1, 1)) ** 2))
    fitted = fit_decoder_log_variance(DIFFUSION, of_label, X, model_kwargs={"y": labels}, batch_size=2)
    assert fitted == pytest.approx(expected, rel=1e-6)


def test_only_step_0_is_asked() -> None:
    times: list[int] = []

    def witness(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        times.extend(time.tolist())
        return quarter(x, time)

    fit_decoder_log_variance(DIFFUSION, witness, X)
    assert times == [0] * 5


def test_a_perfect_prediction_still_has_a_finite_log_variance() -> None:
    fitted = fit_decoder_log_variance(DIFFUSION, quarter, torch.full((3, 1, 2), 0.25))
    assert math.isfinite(fitted)


def test_the_fitted_variance_scores_the_data_it_was_fitted_on_better_than_its_neighbours() -> None:
    fitted = fit_decoder_log_variance(DIFFUSION, quarter, X)
    scores = {
        shift: float(calc_bpd_loop(with_decoder_log_variance(DIFFUSION, fitted + shift), quarter, X).vb[:, 0].mean())
        for shift in (-0.2, -1e-3, 0.0, 1e-3, 0.2)
    }
    assert min(scores, key=scores.__getitem__) == 0.0
    # The best Gaussian of one variance has the entropy of that variance: 0.5 ln(2 pi e v).
    entropy = 0.5 * (math.log(2.0 * math.pi * math.e) + fitted) / math.log(2.0)
    assert scores[0.0] == pytest.approx(entropy, rel=1e-6)


def test_a_decoder_variance_changes_the_decoder_term_alone() -> None:
    plain = calc_bpd_loop(DIFFUSION, quarter, X)
    fitted = calc_bpd_loop(with_decoder_log_variance(DIFFUSION, -1.5), quarter, X)
    torch.testing.assert_close(fitted.vb[:, 1:], plain.vb[:, 1:], rtol=0, atol=0)
    density = -0.5 * (math.log(2.0 * math.pi) - 1.5 + (X.numpy() - 0.25) ** 2 * math.exp(1.5))
    expected = -density.reshape(5, -1).mean(1) / math.log(2.0)
    np.testing.assert_allclose(fitted.vb[:, 0].numpy(), expected, rtol=1e-10)


def test_a_second_decoder_variance_replaces_the_first() -> None:
    once = with_decoder_log_variance(DIFFUSION, -1.5)
    twice = with_decoder_log_variance(with_decoder_log_variance(DIFFUSION, 2.0), -1.5)
    assert twice.variance == once.variance


@pytest.mark.parametrize(("clip", "used"), [(True, 1.0), (False, 3.0)])
def test_the_prediction_is_clipped_as_the_bound_will_clip_it(clip: bool, used: float) -> None:
    def three(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, 3.0)

    expected = math.log(np.mean((X.numpy() - used) ** 2))
    assert fit_decoder_log_variance(DIFFUSION, three, X, clip_denoised=clip) == pytest.approx(expected, rel=1e-6)


def test_predictions_that_are_not_finite_have_no_variance() -> None:
    def broken(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, torch.nan)

    with pytest.raises(NumericalError, match="finite predictions of x_0 wanted"):
        fit_decoder_log_variance(GaussianDiffusion(cosine_schedule(10)), broken, torch.zeros(2, 1, 4))
