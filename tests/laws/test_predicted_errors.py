"""Laws of errors that a head predicts: what it learns is the closed form, and its variance is that of the papers.

Papers: Bao et al. 2022, Analytic-DPM, and Estimating the Optimal Covariance with Imperfect Mean, whose lambda, gamma,
alpha bar and beta bar are written out here.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import (
    Analytic,
    ContinuousDecoder,
    Denoised,
    ErrorCurve,
    GaussianDiffusion,
    PredictedError,
)
from idm.diffusion.variances import CalibratedDecoder, FixedSmall, LearnedRange
from idm.editing import decode, encode
from idm.likelihood import estimate_error_curves, evaluate_bound
from idm.oracles import MixtureDenoiser
from idm.samplers import SamplerDDIM, SamplerDDPM, SampleStep
from idm.schedules import Flow, Grid, Level, PathGrid, cosine_schedule, linear_schedule, spaced
from idm.training.head_losses import HEADS, Seen

CURVE = ErrorCurve((-4.0, 0.0, 3.0), (1e-3, 0.1, 0.4), (None, None, None))
GRIDS: list[Grid] = [
    linear_schedule(1000).respace(spaced(1000, 7)),
    cosine_schedule(50),
    PathGrid(Flow(), np.linspace(0.03, 0.97, 6)),
]


@dataclass(frozen=True)
class Sine:
    """A mean network that is not exact."""

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        found = torch.sin(x)
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Sine":
        return self


def change(shown: Tensor, time: Tensor, /) -> Tensor:
    """A head."""
    x_start, eps = shown.chunk(2, dim=1)
    return torch.cos(2.0 * x_start) + 0.2 * eps + 2e-3 * time[:, None]


class UnitNoise:
    """Ones in place of noise."""

    def normal(self, purpose: str, step: int, shape, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.ones(3, *shape, dtype=dtype)


@pytest.mark.parametrize("grid", GRIDS, ids=["linear", "cosine", "flow"])
@pytest.mark.parametrize("eta", [None, 0.0, 0.5, 1.0], ids=["ddpm", "0", "half", "1"])
def test_the_variance_is_lambda_squared_and_gamma_squared_times_the_residual_of_the_noise(
    grid: Grid, eta: float | None
) -> None:
    """sigma^2 = lambda^2 + gamma^2 (beta bar / alpha bar) g (Imperfect Mean), at all steps but the last."""
    diffusion = GaussianDiffusion(grid, model_var_type=PredictedError(FixedSmall(), CURVE, change))
    x = torch.tensor([[0.3, -1.1], [1.4, 0.2], [-0.5, -0.9]], dtype=torch.float64)
    levels = grid.levels
    for i in range(1, grid.num_timesteps):
        (alpha_down, alpha), (sigma_down, sigma) = levels.alpha[i - 1 : i + 1], levels.sigma[i - 1 : i + 1]
        x_start = torch.sin(x)
        eps = (x - alpha * x_start) / sigma
        log_kappa = float((sigma / alpha).log())
        known = torch.tensor(np.interp(log_kappa, CURVE.log_kappa, np.log(CURVE.mean_squared_error)))
        told = change(
            torch.cat([x_start, eps], dim=1), torch.tensor([100.0 * min(log_kappa, 3.0)] * 3, dtype=torch.float64)
        )
        g = torch.exp(known + told) * (alpha / sigma) ** 2
        posterior = sigma_down**2 * (1.0 - (alpha * sigma_down / (alpha_down * sigma)) ** 2)
        share = (1.0 if eta is None else eta) ** 2 * posterior
        gamma = alpha_down - (sigma_down**2 - share).sqrt() * alpha / sigma
        expected = share + gamma**2 * (sigma / alpha) ** 2 * g
        options = {} if eta is None else {"eta": eta}
        sampler = (SamplerDDPM if eta is None else SamplerDDIM)(diffusion, clip_denoised=False, **options)
        drawn = sampler.step(Sine(), SampleStep(x), i, UnitNoise()).sample
        mean = alpha_down * x_start + (sigma_down**2 - share).sqrt() * eps
        torch.testing.assert_close((drawn - mean) ** 2, expected, rtol=1e-10, atol=1e-13)
        if eta is None:
            at = diffusion.transition(i, x)
            found = diffusion.reverse(Sine()(x, at.up), at, x)
            torch.testing.assert_close(found.variance, expected, rtol=1e-12, atol=1e-15)


def test_the_decoder_has_the_predicted_error_itself_and_a_head_that_changes_nothing_is_analytic() -> None:
    x = torch.tensor([[0.3, -1.1], [1.4, 0.2]], dtype=torch.float64)
    grid = cosine_schedule(30)
    told = GaussianDiffusion(grid, model_var_type=PredictedError(FixedSmall(), CURVE, change))
    silent = told.replace(model_var_type=PredictedError(LearnedRange(), CURVE, lambda x, time: 0.0 * x[:, :2]))
    plain = told.replace(model_var_type=Analytic(FixedSmall(), CURVE))
    for i in (0, 3, 29):
        at = grid.transition(i, x)
        found = Sine()(x, at.up)
        torch.testing.assert_close(
            silent.reverse(found, at, x).log_variance, plain.reverse(found, at, x).log_variance, rtol=1e-14, atol=0
        )
    at = grid.transition(0, x)
    found = Sine()(x, at.up)
    m = told.variance.reads(found, x, at.up)
    torch.testing.assert_close(told.reverse(found, at, x).log_variance, m, rtol=1e-14, atol=0)


def test_it_takes_the_place_of_the_trained_variance_and_gives_it_back() -> None:
    decoder = CalibratedDecoder(LearnedRange(), CURVE)
    rule = PredictedError(decoder, CURVE, change)
    assert (rule.trained, rule.heads) == (decoder, 2)
    assert Analytic.of(rule, CURVE).inner is decoder
    x, at = torch.ones(2, 1, dtype=torch.float64), cosine_schedule(9).transition(4, torch.ones(2, 1).double())
    wrapped = CalibratedDecoder.of(rule, CURVE)
    assert torch.equal(wrapped.reads(Sine()(x, at.up), x, at.up), rule.reads(Sine()(x, at.up), x, at.up))


def test_no_head_may_change_an_error_without_limit_and_noise_alone_has_a_time() -> None:
    x = torch.ones(2, 1, dtype=torch.float64)
    times: list[Tensor] = []

    def wild(shown: Tensor, time: Tensor, /) -> Tensor:
        times.append(time)
        return torch.tensor([[1e9], [-1e9]], dtype=torch.float64)

    at = cosine_schedule(9, zero_terminal_snr=True).transition(8, x)
    m = PredictedError(FixedSmall(), CURVE, wild).reads(Sine()(x, at.up), x, at.up)
    torch.testing.assert_close(m.flatten(), np.log(0.4) + torch.tensor([8.0, -8.0], dtype=torch.float64))
    assert times[0].tolist() == [300.0, 300.0]


def test_decoding_adds_no_noise() -> None:
    grid = linear_schedule(40)
    plain = GaussianDiffusion(grid, model_var_type=FixedSmall())
    predicted = plain.replace(model_var_type=PredictedError(FixedSmall(), CURVE, change))
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 1)))
    ours, theirs = (decode(process, Sine(), encode(process, Sine(), x)) for process in (predicted, plain))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("bias", [0.0, 0.2])
@pytest.mark.parametrize("head", list(HEADS))
def test_what_a_head_learns_is_the_closed_form(head: str, bias: float) -> None:
    """x_0 given x_t is Gaussian with variance V; the mean is off by a bias, which NPR counts and SN takes for none.

    The expectation over x_0 is a quadrature that is exact for what the losses are of: polynomials of degree 4.
    """
    data, grid = 0.25, cosine_schedule(30)
    like = torch.zeros(1, 1, dtype=torch.float64)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = torch.from_numpy(weights / weights.sum())[:, None]
    for i in (0, 7, 20):
        at = grid.transition(i, like).up
        x, kappa = torch.full((20, 1), 0.7, dtype=torch.float64), float(at.kappa)
        exact = 0.7 * float(at.alpha) * data / float(at.alpha**2 * data + at.sigma**2)
        variance = data * kappa**2 / (data + kappa**2)
        clean = exact + variance**0.5 * torch.from_numpy(nodes)[:, None]
        found = torch.full_like(x, exact + bias)
        seen = Seen(clean, at.eps(x, clean), x, Denoised(found, found), at, float(grid.levels.kappa[0]) ** 2)
        of_noise = float((weights * seen.noise**2).sum() - (at.eps(x, found)[0] ** 2))
        expected = {"npr": variance + bias**2, "sn": kappa**2 * of_noise}[head]
        if bias == 0.0:
            assert expected == pytest.approx(variance, rel=1e-9)
        if expected <= 0:
            continue  # the square of the noise, of a mean that is off, may be less than its own
        log_m = torch.tensor(float(np.log(expected)), dtype=torch.float64, requires_grad=True)
        loss = (weights * HEADS[head]().of(seen, log_m.expand_as(x))).sum()
        (slope,) = torch.autograd.grad(loss, log_m)
        assert abs(float(slope)) < 1e-9 * max(1.0, float(loss.detach()))
        for other in (-0.3, 0.3):
            assert float((weights * HEADS[head]().of(seen, (log_m.detach() + other).expand_as(x))).sum()) > float(
                loss.detach()
            )


WEIGHTS, MEANS, VARIANCES = (
    torch.tensor([0.5, 0.5]),
    torch.tensor([[-0.5, 0.0], [0.5, 0.3]]),
    torch.tensor([0.001, 0.08]),
)
"""A narrow part and a wide one, so that x_t tells much of how sure x_0 is."""


def log2_density(x: Tensor) -> Tensor:
    """Of the mixture."""
    parts = torch.distributions.Normal(MEANS.double()[:, None], VARIANCES.double().sqrt()[:, None, None])
    return torch.logsumexp(parts.log_prob(x).sum(2) + WEIGHTS.double().log()[:, None], dim=0) / np.log(2.0)


def test_the_exact_error_of_each_sample_has_a_smaller_bound_than_its_average_and_none_below_the_truth() -> None:
    """E log(1 + gain m(x_t)) <= log(1 + gain E m), and the bound of exact means cannot be below the entropy."""
    rng = np.random.default_rng(0)
    part = torch.from_numpy(rng.integers(0, 2, 4000))
    noise = torch.from_numpy(rng.normal(size=(4000, 2)))
    x = MEANS.double()[part] + VARIANCES.double().sqrt()[part, None] * noise
    grid = cosine_schedule(1000).with_noise_floor(0.05).respace([0, 150, 400, 700, 970])
    plain = GaussianDiffusion(grid, model_var_type=FixedSmall(), decoder=ContinuousDecoder())
    oracle = MixtureDenoiser(plain, WEIGHTS, MEANS, VARIANCES)
    curve = estimate_error_curves(plain, oracle.denoiser(), x, num_levels=5).of_places

    def exact(shown: Tensor, time: Tensor, /) -> Tensor:
        kappa = torch.exp(time / 100.0)[:, None]
        at = Level((1.0 + kappa**2) ** -0.5, kappa * (1.0 + kappa**2) ** -0.5, time)
        x_start, eps = shown.chunk(2, dim=1)
        found = oracle.x_start_moments(at.diffuse(x_start, eps), at, {}).variance
        return torch.log(found) - curve.log_error_within(torch.log(kappa))

    rules = (PredictedError(FixedSmall(), curve, exact), Analytic(FixedSmall(), curve))
    ours, average = (
        evaluate_bound(plain.replace(model_var_type=rule), oracle.denoiser(), x).total_bpd for rule in rules
    )
    gain = average - ours
    assert float(gain.mean()) > 5 * float(gain.std()) / len(x) ** 0.5
    above = ours + log2_density(x) / 2
    assert float(above.mean()) > -3 * float(above.std()) / len(x) ** 0.5
