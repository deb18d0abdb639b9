"""Laws of analytic variances by channel and by place: anisotropic Gaussian data keep the variance of every value.

As in test_analytic.py all is linear in Gaussian numbers, here for values of different variances, which do not mix.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.diffusion import (
    Analytic,
    ContinuousDecoder,
    Denoised,
    ErrorCurve,
    ErrorCurves,
    GaussianDiffusion,
    ModelMeanType,
)
from idm.diffusion.variances import FixedSmall, LearnedRange
from idm.likelihood import BoundByCurve
from idm.likelihood.bound import evaluate_terms
from idm.samplers import (
    MultistepRule,
    Sampler,
    SamplerDDIM,
    SamplerDDPM,
    SamplerMultistep,
    SampleStep,
)
from idm.schedules import Flow, Grid, Level, PathGrid, cosine_schedule, linear_schedule, regrid, spaced

OF_PLACES = torch.tensor([[[0.01, 0.3], [0.7, 0.2]], [[1.0, 0.05], [0.4, 0.002]]], dtype=torch.float64)
OF_CHANNELS = torch.tensor([0.04, 0.8], dtype=torch.float64).view(2, 1, 1).expand(2, 2, 2)


@dataclass(frozen=True)
class Exact:
    """The exact denoiser of Gaussian data of mean 0.3 and these variances."""

    variance: Tensor

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        share = at.alpha * self.variance / (at.alpha**2 * self.variance + at.sigma**2)
        found = 0.3 + share * (x - at.alpha * 0.3)
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Exact":
        return self


def exact(grid: Grid, variance: Tensor) -> Tensor:
    """Var(x_0 | x_t) = s^2 kappa^2 / (s^2 + kappa^2) of every value at every level."""
    squared = grid.levels.kappa.view(-1, *[1] * variance.ndim) ** 2
    return variance * squared / (variance + squared)


def curves(grid: Grid, errors: Tensor) -> ErrorCurves:
    return ErrorCurves(torch.log(grid.levels.kappa), errors, torch.full_like(errors, torch.nan))


@dataclass(frozen=True)
class UnitVectors(Rng):
    """Instead of noise: row 2 + i gets 1 at place i, every other row 0."""

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        row = (torch.arange(len(self.seeds)) == 2 + step).to(dtype)
        return row.view(-1, *[1] * len(shape)).expand(-1, *shape)


def variance_at_the_end(sampler: Sampler, data: Tensor, last_draw: Tensor) -> Tensor:
    """Variance of every value of x_0; the last step, which returns its mean, draws besides."""
    grid = sampler.diffusion.grid
    number, top = grid.num_timesteps, grid.levels.map(lambda values: values[-1])
    rng = UnitVectors(torch.zeros(number + 2, dtype=torch.int64))
    first = (torch.arange(number + 2) == 1).double().view(-1, *[1] * data.ndim).expand(-1, *data.shape)
    state = SampleStep(first)
    for i in reversed(range(number)):
        state = sampler.step(Exact(data), state, i, rng)
    gains = state.sample[1:] - state.sample[0]
    at_start = top.alpha**2 * data + top.sigma**2  # that of the data's own x_t, so that no prior counts
    return at_start * gains[0] ** 2 + (gains[1:] ** 2).sum(0) + last_draw


def grids(count: int) -> dict[str, Grid]:
    return {
        "linear": linear_schedule(1000).respace(spaced(1000, count)),
        "log_snr": regrid(cosine_schedule(1000), count, "log_snr"),
        "uneven": cosine_schedule(1000).respace([0, 3, 4, 200, 201, 500, 640, 700, 930, 999][-count:]),
        "flow": PathGrid(Flow(), np.linspace(0.03, 0.97, count)),
    }


def of_one_value(diffusion: GaussianDiffusion, **options: object) -> SamplerMultistep:
    """SA-Solver of one x_0 a step."""
    return SamplerMultistep(diffusion, clip_denoised=False, order=1, corrector=False, **options)


@pytest.mark.parametrize("count", [1, 2, 5, 10])
@pytest.mark.parametrize("name", ["linear", "log_snr", "uneven", "flow"])
@pytest.mark.parametrize(
    "sampler",
    [
        lambda d: SamplerDDPM(d, clip_denoised=False),
        lambda d: SamplerDDIM(d, clip_denoised=False),
        lambda d: SamplerDDIM(d, clip_denoised=False, eta=0.7),
        lambda d: of_one_value(d),
        lambda d: of_one_value(d, tau=0.6),
        lambda d: of_one_value(d, tau=3.0),
        lambda d: of_one_value(d, rule=MultistepRule.DEIS),
    ],
    ids=["ddpm", "ddim", "eta 0.7", "tau 0", "tau 0.6", "tau 3", "eps"],
)
def test_every_value_has_the_variance_of_the_data_in_any_number_of_steps(name: str, count: int, sampler) -> None:
    grid = grids(count)[name]
    by_channel = exact(grid, OF_CHANNELS[:, :1, :1])
    for data, errors in ((OF_PLACES, exact(grid, OF_PLACES)), (OF_CHANNELS, by_channel)):
        diffusion = GaussianDiffusion(grid, model_var_type=Analytic.of(LearnedRange(), curves(grid, errors)))
        found = variance_at_the_end(sampler(diffusion), data, errors[0])
        torch.testing.assert_close(found, data, rtol=1e-9, atol=0)


@pytest.mark.parametrize("tau", [0.0, 0.6])
def test_from_noise_alone_every_value_has_the_variance_of_the_data(tau: float) -> None:
    """The network finds the mean there, whose error is the variance of the data."""
    grid = cosine_schedule(50, zero_terminal_snr=True).respace([0, 20, 49])
    errors = torch.cat([exact(grid, OF_PLACES)[:2], OF_PLACES[None]])
    known = ErrorCurves(
        torch.tensor([*torch.log(grid.levels.kappa[:2]), 50.0]), errors, torch.full_like(errors, torch.nan)
    )
    diffusion = GaussianDiffusion(
        grid, model_mean_type=ModelMeanType.V, model_var_type=Analytic.of(FixedSmall(), known)
    )
    found = variance_at_the_end(of_one_value(diffusion, tau=tau), OF_PLACES, errors[0])
    torch.testing.assert_close(found, OF_PLACES, rtol=1e-9, atol=0)


@pytest.mark.parametrize("tau", [0.0, 0.4, 1.0])
def test_a_step_of_tau_is_that_of_ddim_with_the_same_noise(tau: float) -> None:
    # 1 - exp(-2 tau^2 h) = eta^2 (1 - exp(-2 h)) (Xue et al. 2023, proposition 5.2)
    grid = cosine_schedule(1000).respace([300, 700])
    h = float(torch.log(grid.levels.kappa[1] / grid.levels.kappa[0]))
    eta = math.sqrt(math.expm1(-2 * tau**2 * h) / math.expm1(-2 * h))
    diffusion = GaussianDiffusion(grid, model_var_type=Analytic.of(FixedSmall(), curves(grid, exact(grid, OF_PLACES))))
    rng = Rng.from_seed(0, 3, "cpu")
    x = rng.normal("x_T", 0, OF_PLACES.shape, torch.float64)
    ours, theirs = (
        sampler.step(Exact(OF_PLACES), SampleStep(x), 1, rng).sample
        for sampler in (of_one_value(diffusion, tau=tau), SamplerDDIM(diffusion, clip_denoised=False, eta=eta))
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_one_curve_for_all_values_is_right_on_average_alone() -> None:
    grid = grids(5)["log_snr"]
    errors = exact(grid, OF_PLACES)
    mean = errors.flatten(1).mean(1)
    curve = ErrorCurve(tuple(torch.log(grid.levels.kappa).tolist()), tuple(mean.tolist()), (None,) * 5)
    diffusion = GaussianDiffusion(grid, model_var_type=Analytic.of(FixedSmall(), curve))
    found = variance_at_the_end(SamplerDDPM(diffusion, clip_denoised=False), OF_PLACES, mean[0])
    assert float((found / OF_PLACES).max()) > 2.0


def design(data: Tensor) -> tuple[Tensor, Tensor]:
    """Data and noise [4, *shape] of just these means, variances and no covariance: all signs of both."""
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    x, noise = (signs[:, i].view(4, *[1] * data.ndim).expand(4, *data.shape) for i in (0, 1))
    return 0.3 + data.sqrt() * x, noise


@pytest.mark.parametrize("apart", [False, True], ids=["one curve", "curves of places"])
@pytest.mark.parametrize("name", ["linear", "log_snr", "flow"])
def test_the_bound_that_a_plan_expects_is_the_bound(name: str, apart: bool) -> None:
    """With all signs of data and noise the errors of the exact denoiser have just their expected squares."""
    grid = grids(10)[name]
    errors = exact(grid, OF_PLACES)
    mean, log_kappa = errors.flatten(1).mean(1), torch.log(grid.levels.kappa)
    one = ErrorCurve(tuple(log_kappa.tolist()), tuple(mean.tolist()), (None,) * 10)
    curve = curves(grid, errors) if apart else one
    diffusion = GaussianDiffusion(grid, model_var_type=Analytic.of(FixedSmall(), curve), decoder=ContinuousDecoder())
    x, noise = design(OF_PLACES)
    bound = BoundByCurve(grid, curve, ContinuousDecoder(), float(x.square().mean()))
    for places in ([*range(10)], [0, 4, 9], [2, 3, 8], [5]):
        chain = diffusion.respace(places)
        terms = [evaluate_terms(chain, Exact(OF_PLACES), x, t, noise)[0].mean() for t in range(len(places))]
        found = float(chain.prior_bpd(x).mean()) + float(torch.stack(terms).sum())
        assert bound.of(places) == pytest.approx(found, abs=1e-9)


def test_the_bound_is_the_truth_in_any_number_of_steps_and_above_it_with_one_curve_for_all_values() -> None:
    """Exact reverse conditionals make a bound the log-likelihood, but for what noise leaves of the data at the end."""
    grid = cosine_schedule(200)
    errors = exact(grid, OF_PLACES)
    mean, log_kappa = errors.flatten(1).mean(1), torch.log(grid.levels.kappa)
    one = ErrorCurve(tuple(log_kappa.tolist()), tuple(mean.tolist()), (None,) * 200)
    truth = float(0.5 * torch.log2(2.0 * np.pi * np.e * OF_PLACES).mean())
    power = float((OF_PLACES + 0.09).mean())
    exactly, above = (
        [bound.of(bound.best_places(count)) for count in (1, 2, 5, 10, 25)]
        for bound in (BoundByCurve(grid, each, ContinuousDecoder(), power) for each in (curves(grid, errors), one))
    )
    assert exactly == pytest.approx([truth] * 5, abs=1e-6)
    assert sorted(above, reverse=True) == above
    assert above[-1] > truth + 0.05


@pytest.mark.parametrize(
    "change",
    [lambda e: -e, lambda e: e.flip(0), lambda e: e * torch.nan, lambda e: e[1:]],
)
def test_what_are_no_curves_are_refused(change) -> None:
    grid = linear_schedule(30)
    errors = change(exact(grid, OF_PLACES))
    with pytest.raises(SettingsError, match="error curves: errors"):
        ErrorCurves(torch.log(grid.levels.kappa), errors, errors)


def test_levels_of_samples_and_a_level_for_all_are_looked_up_alike() -> None:
    grid = linear_schedule(30)
    curve = curves(grid.respace([0, 7, 29]), exact(grid.respace([0, 7, 29]), OF_PLACES))
    like = torch.zeros(3, 2, 2, 2, dtype=torch.float64)
    together = curve.log_error_within(torch.log(grid.transition(torch.tensor([0, 4, 29]), like).up.kappa))
    for row, place in enumerate((0, 4, 29)):
        alone = curve.log_error_within(torch.log(grid.transition(place, like).up.kappa))
        torch.testing.assert_close(together[row], alone, rtol=0, atol=1e-12)
    torch.testing.assert_close(together[0].exp(), exact(grid, OF_PLACES)[0], rtol=1e-12, atol=0)
    inside, ends = together[1], (exact(grid, OF_PLACES)[0].log(), exact(grid, OF_PLACES)[7].log())
    assert bool((inside > ends[0]).all())
    assert bool((inside < ends[1]).all())
