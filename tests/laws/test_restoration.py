"""Laws of restoration: what is known at the end, and closed forms of single steps."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.data import Codec
from idm.diffusion import Denoised, GaussianDiffusion, ModelVarType
from idm.oracles import MixtureDenoiser
from idm.restoration import (
    DDNM,
    DPS,
    ILVR,
    TDS,
    TMPD,
    Blur,
    CovarianceRule,
    Custom,
    Downsample,
    Fourier,
    LinearOperator,
    Mask,
    Matrix,
    Method,
    Observation,
    PiGDM,
    RePaint,
    SDEdit,
    restore,
)
from idm.restoration.methods.observed import replace_observed
from idm.restoration.methods.stepwise import renoised
from idm.run.units import observation_of
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM, SamplerHeun, SamplerMultistep
from idm.schedules import Level, cosine_schedule, spaced

CHAIN = cosine_schedule(1000)
SHORT = GaussianDiffusion(CHAIN, model_var_type=ModelVarType.FIXED_SMALL).respace(spaced(1000, 12))


def doubles(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(math.prod(shape)), dtype=torch.float64)


# Known values at the end


OPERATORS: dict[str, LinearOperator] = {
    "mask": Mask((2, 4, 4), random(2, 4, 4) > 0),
    "downsample": Downsample((2, 4, 4), [2]),
    "blur": Blur((2, 4, 4), [0.6]),
    "fourier": Fourier.lines((2, 4, 4), every=2),
    "matrix": Matrix((2, 4, 4), random(5, 32)),
}


AGREEING = [RePaint(jumps=2), ILVR(), DDNM(), DDNM(jumps=2), PiGDM(), TMPD(), TDS(4)]


@pytest.mark.parametrize("method", AGREEING, ids=repr)
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("make", [SamplerDDIM, SamplerDDPM, SamplerMultistep, SamplerHeun])
def test_what_was_observed_without_noise_comes_out_as_it_was(
    make: Callable[[GaussianDiffusion], Sampler], name: str, method: Method
) -> None:
    operator, sampler = OPERATORS[name], make(SHORT)
    if not isinstance(operator, method.takes) or (method.weighs_steps and not isinstance(sampler, SamplerDDPM)):
        return
    oracle = MixtureDenoiser(SHORT, torch.ones(2), 0.7 * random(2, 2, 4, 4).clamp(-1, 1), torch.tensor([0.02, 0.03]))
    observation = Observation(operator, operator.apply(0.5 * random(3, 2, 4, 4).clamp(-1, 1)))
    x = sampler.initial_noise((3, 2, 4, 4)).double()
    result = restore(sampler, oracle.denoiser(), observation, x, method=method)
    torch.testing.assert_close(operator.apply(result), observation.values, rtol=0, atol=1e-6)
    if name == "mask":
        assert float(result.abs().max()) <= 1.0


# Single steps


def level_of(place: int) -> Level:
    return SHORT.grid.level(place, torch.zeros(1, 1, dtype=torch.float64))


@dataclass(frozen=True)
class Linear:
    """x_0-hat = x W: a denoiser with the derivative W."""

    weights: Tensor

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        return Denoised(x @ self.weights, x @ self.weights)

    def select(self, rows: Tensor, /) -> "Linear":
        return self


def test_replaced_values_are_the_observation_at_the_level_with_the_noise_that_is_missing() -> None:
    mask, at = Mask((3,), torch.tensor([True, False, True])), level_of(6)
    x, o, normal = random(2, 3), random(2, 2), random(2, 2) + 1.0
    assert float(at.kappa) > 0.3
    ours = replace_observed(x, at, Observation(mask, o, 0.3), normal)
    std = math.sqrt(float(at.sigma**2 - at.alpha**2 * 0.09))
    torch.testing.assert_close(ours[:, [0, 2]], at.alpha * o + std * normal, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours[:, 1], x[:, 1], rtol=0, atol=0)
    noisier = replace_observed(x, at, Observation(mask, o, 1.01 * float(at.kappa)), normal)
    torch.testing.assert_close(noisier, x, rtol=0, atol=0)


def test_ilvr_replaces_the_means_of_blocks() -> None:
    coarse, at = Downsample((1, 4), [2]), level_of(6)
    x, o, normal = random(1, 1, 4), random(1, 1, 2), random(1, 1, 2)
    ours = ILVR().project(x, at, Observation(coarse, o), normal)
    expected = at.alpha * o + at.sigma * math.sqrt(0.5) * normal
    torch.testing.assert_close(coarse.apply(ours), expected, rtol=1e-12, atol=1e-12)
    flat = coarse.pseudo_inverse(coarse.apply(x))
    torch.testing.assert_close(ours - coarse.pseudo_inverse(expected), x - flat, rtol=1e-12, atol=1e-12)


def test_going_back_up_draws_from_the_forward_process() -> None:
    schedule, place = SHORT.schedule, 7
    ratio = float(schedule.alphas_cumprod[place] / schedule.alphas_cumprod[place - 1])
    zero, one = (renoised(SHORT.grid, doubles(value)[None], place, Constant(0.0)) for value in (0.0, 1.0))
    noise = renoised(SHORT.grid, doubles(0.0)[None], place, Constant(1.0))
    assert float(zero) == 0.0
    assert float(one) == pytest.approx(math.sqrt(ratio), rel=1e-12)
    assert float(noise) == pytest.approx(math.sqrt(1 - ratio), rel=1e-9)


@dataclass(frozen=True)
class Constant:
    """The same number, instead of noise."""

    value: float

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.full((1, *shape), self.value, dtype=dtype)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_ddnm_corrects_x_start_by_the_damped_pseudo_inverse(noise: float) -> None:
    operator, at = Matrix((3,), random(2, 3)), level_of(5)
    a, o, x, weights = operator.dense(), random(2, 2), random(2, 3), random(3, 3)
    found = DDNM().guide(Linear(weights), Observation(operator, o, noise))(x, at)
    gain = a.T @ torch.linalg.inv(a @ a.T + noise**2 / at.kappa**2 * torch.eye(2, dtype=torch.float64))
    expected = x @ weights + (o - x @ weights @ a.T) @ gain.T
    torch.testing.assert_close(found.raw, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.x_start, expected, rtol=1e-10, atol=1e-10)


def test_ddnm_of_pure_noise_leaves_out_what_is_not_reached() -> None:
    """s^2 / kappa^2 is 0 there: two equal rows have an observation that is in part impossible, and no inverse."""
    row, x, weights = random(1, 3), random(2, 3), random(3, 3)
    operator, o = Matrix((3,), torch.cat([row, row])), random(2, 2)
    pure = Level(*(torch.tensor(value, dtype=torch.float64) for value in (0.0, 1.0, 1.0)))
    found = DDNM().guide(Linear(weights), Observation(operator, o, 0.4))(x, pure)
    mean = o.mean(1, keepdim=True) - x @ weights @ row.T
    torch.testing.assert_close(found.raw, x @ weights + mean * row / row.square().sum(), rtol=1e-9, atol=1e-9)


def guided(method: Method, weights: Tensor, observation: Observation, x: Tensor, at: Level) -> Tensor:
    assert isinstance(method, PiGDM | TMPD)
    return method.guide(Linear(weights), observation)(x, at).x_start


def test_guidance_by_gradients_is_the_formula_for_every_covariance() -> None:
    """With x_0-hat = x W, C v = sigma^2 / alpha W v for rows v."""
    at, observation = level_of(5), Observation(Matrix((3,), random(2, 3).abs()), random(2, 2), 0.3)
    assert isinstance(observation.operator, Matrix)
    a, unit = observation.operator.dense(), torch.eye(2, dtype=torch.float64)
    root = random(3, 3)
    weights, x = 0.1 * root @ root.T, random(2, 3)
    covariance = at.sigma**2 / at.alpha * weights.T
    prior = float(at.kappa**2 * 0.64 / (at.kappa**2 + 0.64))
    spreads = {
        CovarianceRule.ISOTROPIC: prior * a @ a.T,
        CovarianceRule.ROWS: torch.diag((a @ covariance @ a.T).sum(1)),
        CovarianceRule.FULL: a @ covariance @ a.T,
    }
    missing = observation.values - x @ weights @ a.T
    spreads[CovarianceRule.BY_SIZE] = spreads[CovarianceRule.FULL]
    for rule, spread in spreads.items():
        gain = covariance.T @ a.T @ torch.linalg.inv(spread + 0.09 * unit)
        expected = x @ weights + missing @ gain.T
        ours = guided(TMPD(rule, data_deviation=0.8), weights, observation, x, at)
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)
    many = Observation(Matrix((3,), random(17, 3)), random(2, 17), 0.3)
    by_size, isotropic = (
        guided(TMPD(rule, 0.8), weights, many, x, at) for rule in (CovarianceRule.BY_SIZE, CovarianceRule.ISOTROPIC)
    )
    torch.testing.assert_close(by_size, isotropic, rtol=0, atol=0)
    same = guided(PiGDM(data_deviation=0.8), weights, observation, x, at)
    expected = guided(TMPD(CovarianceRule.ISOTROPIC, 0.8), weights, observation, x, at)
    torch.testing.assert_close(same, expected, rtol=0, atol=0)


def test_where_there_is_too_much_noise_for_derivatives_the_data_are_taken_to_be_independent() -> None:
    at, a = level_of(11), random(1, 3)
    assert float(at.kappa) > 100
    observation = Observation(Matrix((3,), a), random(2, 1), 0.3)
    weights, x = random(3, 3), random(2, 3)
    prior = float(at.kappa**2 * 0.64 / (at.kappa**2 + 0.64))
    gain = prior * a.T / (prior * a @ a.T + 0.09)
    expected = x @ weights + (observation.values - x @ weights @ a.T) @ gain.T
    for method in (PiGDM(0.8), TMPD(CovarianceRule.FULL, 0.8)):
        torch.testing.assert_close(guided(method, weights, observation, x, at), expected, rtol=1e-9, atol=1e-9)


def test_dps_goes_down_the_slope_of_the_norm_for_operators_of_any_kind() -> None:
    """|o - (x W)^2| has the slope -2 W (x W) (o - (x W)^2) / |o - (x W)^2|."""
    weights, x, o = 0.4 * random(3, 3), random(2, 3), random(2, 3)
    observation = Observation(Custom(torch.square), o)
    sampler = SamplerDDIM(SHORT, clip_denoised=False)
    plain = sampler.draw(Linear(weights), x, start=0)
    ours = restore(
        SamplerDDIM(SHORT.respace([0]), clip_denoised=False), Linear(weights), observation, x, method=DPS(0.7)
    )
    missing = o - (x @ weights) ** 2
    slope = -2.0 * ((x @ weights) * missing) @ weights.T / missing.norm(dim=1, keepdim=True)
    torch.testing.assert_close(ours, plain - 0.7 * slope, rtol=1e-9, atol=1e-9)


def test_sdedit_starts_from_the_rough_picture_with_the_noise_of_its_level() -> None:
    coarse = Downsample((1, 4), [2])
    o = random(1, 1, 2)
    start = SDEdit(0.5).start(SHORT.grid, Observation(coarse, o), random(1, 1, 4), Constant(1.5))
    at = level_of(5)
    assert SDEdit(0.5).first_place(SHORT.grid) == 5
    torch.testing.assert_close(start, at.alpha * o.repeat_interleave(2, dim=2) + 1.5 * at.sigma, rtol=1e-12, atol=1e-12)
    assert SDEdit(1.0).first_place(SHORT.grid) == 11
    assert SDEdit(1e-6).first_place(SHORT.grid) == 0


@pytest.mark.parametrize(("noise", "rounds"), [(0.0, [7] * 11), (0.3, None)])
def test_repaint_takes_steps_again_as_long_as_it_puts_values_in(noise: float, rounds: list[int] | None) -> None:
    mask = Mask((3,), torch.tensor([True, False, True]))
    observation = Observation(mask, random(2, 2), noise)
    kappas = SHORT.grid.levels.kappa.tolist()
    expected = rounds or [7 if below >= noise else 1 for below in kappas[:-1]]
    ours = [RePaint(jumps=7).num_rounds(SHORT.grid, i, observation) for i in range(1, 12)]
    assert ours == expected
    assert sum(count == 7 for count in ours) > 1
    assert RePaint(jumps=7).num_steps(SamplerDDPM(SHORT), observation) == 1 + sum(expected)


def test_repaint_of_channels_of_different_scales_puts_the_noise_of_each_into_it() -> None:
    """o = D A x + s n is A x + (s / d) n where the scale is d: alpha o / d, of variance sigma^2 - (alpha s / d)^2."""
    scale, noise = doubles(4.0, 0.5), 0.2
    seen = Mask((2, 3), torch.tensor([[True, False, True], [True, True, False]]))
    codec = Codec("float64", None, (0.0, 0.0), (4.0, 0.5))
    values = random(2, 3)[None]
    observation = observation_of(seen, seen.apply(values), noise, codec, (2, 3))
    method = RePaint(jumps=3)
    method.check(SamplerDDPM(SHORT), observation)
    x, normal, at = random(1, 2, 3).float(), random(1, 4).float(), level_of(8)
    found = method.project(x, at, observation, normal)[0]
    of_channel = (noise / scale)[:, None].expand(2, 3)[seen.seen]
    variance = at.sigma**2 - at.alpha**2 * of_channel**2
    wanted = at.alpha * (values[0] / scale[:, None])[seen.seen] + variance.sqrt() * normal[0]
    assert (variance > 0).all()
    torch.testing.assert_close(found[seen.seen], wanted.flatten(), rtol=1e-5, atol=1e-5, check_dtype=False)
    torch.testing.assert_close(found[~seen.seen], x[0][~seen.seen])
    # Steps are taken again down to the noise of the least noisy channel, whose kappa is s / 4.
    again = [method.num_rounds(SHORT.grid, i, observation) for i in range(1, SHORT.num_timesteps)]
    expected = [3 if float(kappa) >= noise / 4 else 1 for kappa in SHORT.grid.levels.kappa[:-1]]
    assert again == expected


WRONG: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "raises": (lambda x: x.view(2, 7), r"a function of data \(1, 3\) wanted, got one that raises RuntimeError \("),
    "no gradient": (lambda x: x.detach().square(), "a function that torch can differentiate wanted by DPS"),
    "no row for each": (lambda x: x.sum(), r"a tensor \[1, \.\.\.\] wanted from the function"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_function_that_cannot_be_an_operator_is_refused_in_a_line(case: str) -> None:
    function, told = WRONG[case]
    sampler = SamplerDDIM(SHORT.respace([0]), clip_denoised=False)
    with pytest.raises(SettingsError, match=f"^operator: {told}") as refused:
        restore(sampler, Linear(random(3, 3)), Observation(Custom(function), random(2, 3)), random(2, 3), method=DPS())
    assert len(refused.value.lines) == 1


def test_a_number_for_each_sample_is_an_observation() -> None:
    weights, x, o = 0.4 * random(3, 3), random(2, 3), random(2, 1)
    sampler = SamplerDDIM(SHORT.respace([0]), clip_denoised=False)
    functions: list[Callable[[Tensor], Tensor]] = [lambda x: x.sum(1), lambda x: x.sum(1, keepdim=True)]
    flat, kept = (
        restore(sampler, Linear(weights), Observation(Custom(function), o), x, method=DPS(0.7))
        for function in functions
    )
    sign = (o - (x @ weights).sum(1, keepdim=True)).sign()
    torch.testing.assert_close(flat, x @ weights + 0.7 * sign * weights.sum(1), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(flat, kept, rtol=0, atol=0)
