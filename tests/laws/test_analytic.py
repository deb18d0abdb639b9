"""Laws of the analytic variance: exact means of Gaussian data give samples of their variance in any number of steps.

All is a linear map of Gaussian numbers, so that mean and variance follow from unit vectors, without chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.diffusion import Analytic, CalibratedDecoder, Denoised, ErrorCurve, GaussianDiffusion
from idm.diffusion.variances import FixedSmall, LearnedRange, ReverseVariance
from idm.editing import decode, encode
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM, SampleStep
from idm.schedules import Flow, Grid, Level, PathGrid, cosine_schedule, linear_schedule, regrid, spaced

MEAN, VARIANCE = 0.3, 0.25


@dataclass(frozen=True)
class Exact:
    """The exact denoiser of N(MEAN, VARIANCE)."""

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        share = at.alpha * VARIANCE / (at.alpha**2 * VARIANCE + at.sigma**2)
        found = MEAN + share * (x - at.alpha * MEAN)
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Exact":
        return self


def exact_curve(grid: Grid) -> ErrorCurve:
    """Var(x_0 | x_t) = s^2 kappa^2 / (s^2 + kappa^2) at every level."""
    kappa = grid.levels.kappa.numpy()
    errors = VARIANCE * kappa**2 / (VARIANCE + kappa**2)
    return ErrorCurve(tuple(np.log(kappa).tolist()), tuple(errors.tolist()), (None,) * len(kappa))


@dataclass(frozen=True)
class UnitVectors(Rng):
    """Instead of noise: row 2 + i gets 1 at place i, every other row 0."""

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        return (torch.arange(len(self.seeds)) == 2 + step).to(dtype).view(-1, 1)


def variance_at_the_end(sampler: Sampler, at_start: float, last_draw: float) -> float:
    """Variance of x_0, if the first sample has ``at_start``; the last step, which returns its mean, draws besides."""
    number = sampler.diffusion.num_timesteps
    rng = UnitVectors(torch.zeros(number + 2, dtype=torch.int64))
    state = SampleStep((torch.arange(number + 2) == 1).double().view(-1, 1))
    for i in reversed(range(number)):
        state = sampler.step(Exact(), state, i, rng)
    offset, *gains = state.sample.flatten().tolist()
    scale = np.array([at_start, *(1.0,) * number])
    return float((scale * (np.array(gains) - offset) ** 2).sum() + last_draw)


def grids(count: int) -> dict[str, Grid]:
    return {
        "linear": linear_schedule(1000).respace(spaced(1000, count)),
        "leading": cosine_schedule(1000).respace(spaced(1000, count, "leading")),
        "log_snr": regrid(cosine_schedule(1000), count, "log_snr"),
        "flow": PathGrid(Flow(), np.linspace(0.03, 0.97, count)),
    }


def check(grid: Grid, sampler_of: Callable[..., Sampler], variance: ReverseVariance, **options: float) -> None:
    curve = exact_curve(grid)
    diffusion = GaussianDiffusion(grid, model_var_type=Analytic.of(variance, curve))
    top = grid.levels.map(lambda values: values[-1])
    at_start = float(top.alpha**2 * VARIANCE + top.sigma**2)  # that of the data's own x_t, so that no prior counts
    found = variance_at_the_end(
        sampler_of(diffusion, clip_denoised=False, **options), at_start, curve.mean_squared_error[0]
    )
    assert found == pytest.approx(VARIANCE, rel=1e-9)


@pytest.mark.parametrize("count", [1, 2, 5, 10])
@pytest.mark.parametrize("name", ["linear", "leading", "log_snr", "flow"])
def test_ancestral_samples_have_the_variance_of_the_data_in_any_number_of_steps(name: str, count: int) -> None:
    check(grids(count)[name], SamplerDDPM, FixedSmall())


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("count", [1, 2, 5, 10])
@pytest.mark.parametrize("name", ["linear", "log_snr", "flow"])
def test_so_have_those_of_ddim_with_any_eta(name: str, count: int, eta: float) -> None:
    check(grids(count)[name], SamplerDDIM, LearnedRange(), eta=eta)


def test_eta_1_is_ancestral_sampling() -> None:
    grid = linear_schedule(1000).respace(spaced(1000, 7))
    diffusion = GaussianDiffusion(grid, model_var_type=Analytic(FixedSmall(), exact_curve(grid)))
    x = torch.ones(3, 1, dtype=torch.float64)
    ours, theirs = (
        [state.sample for state in sampler.walk(Exact(), x, seed=4)]
        for sampler in (
            SamplerDDIM(diffusion, eta=1.0, clip_denoised=False),
            SamplerDDPM(diffusion, clip_denoised=False),
        )
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_decoding_adds_no_noise() -> None:
    grid = linear_schedule(40)
    plain = GaussianDiffusion(grid, model_var_type=FixedSmall())
    optimal = plain.replace(model_var_type=Analytic(FixedSmall(), exact_curve(grid)))
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 1)))
    ours, theirs = (decode(process, Exact(), encode(process, Exact(), x)) for process in (optimal, plain))
    assert torch.equal(ours, theirs)


def test_a_curve_of_zeros_is_the_posterior_variance_and_one_of_sigma_squared_is_beta() -> None:
    """A point mass has no uncertainty; for white data of unit variance the optimum is beta (methods of Bao et al.)."""
    grid = cosine_schedule(30)
    like, places = torch.zeros(29, 1, dtype=torch.float64), torch.arange(1, 30)
    at, kappa = grid.transition(places, like), grid.levels.kappa.numpy()
    none = ErrorCurve((float(np.log(kappa[0])),), (0.0,), (None,))
    white = ErrorCurve(tuple(np.log(kappa).tolist()), tuple((kappa**2 / (1 + kappa**2)).tolist()), (None,) * 30)
    found = [Analytic(FixedSmall(), curve).log_variance(None, at) for curve in (none, white)]
    torch.testing.assert_close(found[0], at.log_posterior_variance, rtol=0, atol=1e-6)
    torch.testing.assert_close(found[1], at.log_beta, rtol=1e-9, atol=1e-9)


def test_the_last_step_has_the_error_at_the_lowest_level_and_the_ends_of_the_curve_go_on() -> None:
    grid = cosine_schedule(30)
    kappa = grid.levels.kappa
    curve = ErrorCurve((float(kappa[3].log()), float(kappa[9].log())), (0.01, 0.02), (None, None))
    at = grid.transition(torch.tensor([0, 20]), torch.zeros(2, 1, dtype=torch.float64))
    lowest, high = Analytic(FixedSmall(), curve).log_variance(None, at).flatten().exp().tolist()
    assert lowest == pytest.approx(0.01)
    assert high == pytest.approx(float(at.posterior_variance[1] + at.posterior_mean_coef1[1] ** 2 * 0.02))


def test_it_takes_the_place_of_a_variance_and_of_its_own_curve_and_keeps_the_heads() -> None:
    curve, other = ErrorCurve.at_one(0.1, 0.2), ErrorCurve.at_one(0.1, 0.3)
    for inner in (LearnedRange(), FixedSmall(), CalibratedDecoder(LearnedRange(), other)):
        for wrapped in (inner, Analytic(inner, other)):
            made = Analytic.of(wrapped, curve)
            assert (made.inner, made.curve, made.heads) == (inner, curve, inner.heads)
    head = torch.full((2, 1), 7.0)
    at = cosine_schedule(9).transition(4, head)
    assert torch.equal(
        Analytic(LearnedRange(), curve).log_variance(head, at), Analytic(FixedSmall(), curve).log_variance(None, at)
    )


@pytest.mark.parametrize("grid", [linear_schedule(50), regrid(cosine_schedule(1000), 9, "log_snr")])
def test_terms_of_the_bound_are_half_the_logarithm_of_1_plus_the_gain_in_snr_times_the_error(grid: Grid) -> None:
    curve = exact_curve(grid)
    diffusion = GaussianDiffusion(grid, model_var_type=Analytic(FixedSmall(), curve))
    x_start = torch.as_tensor(np.random.default_rng(0).uniform(-1.0, 1.0, (grid.num_timesteps - 1, 3)))
    places = torch.arange(1, grid.num_timesteps)
    at = diffusion.transition(places, x_start)
    errors = torch.tensor(curve.mean_squared_error, dtype=torch.float64)[1:, None]
    x_t = at.up.diffuse(x_start, torch.ones_like(x_start))
    found = Denoised(x_start + errors.sqrt(), x_start)
    ours = diffusion.vb_bpd(diffusion.reverse(found, at, x_t), x_start, x_t, places)
    snr = grid.levels.kappa**-2
    expected = 0.5 * torch.log2(1.0 + (snr[:-1] - snr[1:]) * errors[:, 0])
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)
