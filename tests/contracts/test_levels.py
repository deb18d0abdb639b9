"""Levels as values: a step is its number, a tensor of it or its level alike; rules may leave the grid; any path.

Closed forms are those of Gaussian data: their flow keeps (x - alpha mean) / sqrt(alpha^2 variance + sigma^2).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource, Rng
from idm.diffusion import Denoiser, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.guidance import ClassifierFreeGuidance
from idm.likelihood.bound import evaluate_terms
from idm.oracles import GaussianDenoiser
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM, SampleStep
from idm.schedules import Flow, Grid, Level, PathGrid, Transition, cosine_schedule, linear_schedule, regrid

X, NOISE, EPS = (torch.as_tensor(np.random.default_rng(i).uniform(-1.0, 1.0, (3, 2, 4))) for i in range(3))
STEPS = (0, 1, 7, 11)
ROWS = torch.tensor([2, 0])
PREDICTIONS = {kind.name: kind for kind in ModelMeanType}


def process(mean_type: ModelMeanType = ModelMeanType.EPSILON) -> GaussianDiffusion:
    chain = cosine_schedule(40).respace(range(0, 36, 3))
    return GaussianDiffusion(chain, model_mean_type=mean_type, model_var_type=ModelVarType.LEARNED_RANGE)


def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    tau = time.double().view(-1, 1, 1)
    return torch.cat([torch.sin(x + 0.1 * tau), torch.cos(x)], dim=1)


def results(value: object) -> list[Tensor]:
    """Every tensor of what a method returned."""
    if isinstance(value, Tensor):
        return [value]
    parts = value if isinstance(value, tuple) else vars(value).values()
    return [part for part in parts if isinstance(part, Tensor)]


CALLS: dict[str, Callable[[GaussianDiffusion, Any], object]] = {
    "q_mean_variance": lambda p, t: p.q_mean_variance(X, t),
    "q_sample": lambda p, t: p.q_sample(X, t, NOISE),
    "q_posterior": lambda p, t: p.q_posterior(X, NOISE, t),
    "predict_xstart_from_eps": lambda p, t: p.predict_xstart_from_eps(X, t, EPS),
    "predict_xstart_from_xprev": lambda p, t: p.predict_xstart_from_xprev(X, t, EPS),
    "predict_eps_from_xstart": lambda p, t: p.predict_eps_from_xstart(X, t, EPS),
    "network_time": lambda p, t: p.network_time(t, X),
    "predict": lambda p, t: p.predict(network, X, t),
    "interpret": lambda p, t: p.interpret(p.predict(network, X, 3), X, t),
    "p_mean_variance": lambda p, t: p.p_mean_variance(network, X, t),
    "vb_bpd": lambda p, t: p.vb_bpd(p.interpret(p.predict(network, X, 3), X, 3), X, NOISE, t),
    "kl_by_value": lambda p, t: p.kl_by_value(p.interpret(p.predict(network, X, 3), X, 3), X, NOISE, t),
    "_vb_terms_bpd": lambda p, t: p._vb_terms_bpd(network, X, NOISE, t),
    "training_losses": lambda p, t: p.training_losses(network, X, t, noise=NOISE),
    "evaluate_terms": lambda p, t: evaluate_terms(p, p.denoiser(network), X, t, NOISE),
    "p_sample": lambda p, t: SamplerDDPM(p).p_sample(network, X, t, noise=NOISE),
    "ddim_sample": lambda p, t: SamplerDDIM(p, eta=0.4).ddim_sample(network, X, t, noise=NOISE),
    "ddim_reverse_sample": lambda p, t: SamplerDDIM(p).ddim_reverse_sample(network, X, t),
}


@pytest.mark.parametrize("mean_type", PREDICTIONS.values(), ids=PREDICTIONS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_step_is_its_number_a_tensor_of_it_and_its_level(
    call: Callable[[GaussianDiffusion, Any], object], mean_type: ModelMeanType
) -> None:
    diffusion = process(mean_type)
    for t in STEPS:
        several = torch.full((3,), t)
        level, levels = (diffusion.grid.level(place, X) for place in (t, several))
        expected = results(call(diffusion, t))
        for same in (several, level, levels, diffusion.grid.transition(t, X)):
            for ours, theirs in zip(results(call(diffusion, same)), expected, strict=True):
                torch.testing.assert_close(ours, theirs.expand_as(ours), rtol=1e-12, atol=1e-12)


def test_every_public_method_that_takes_t_is_among_them() -> None:
    def takes_t(owner: type) -> set[str]:
        members = ((name, value) for kind in owner.__mro__ for name, value in vars(kind).items())
        return {name for name, value in members if "t" in getattr(value, "__annotations__", {})}

    found = takes_t(GaussianDiffusion) | takes_t(SamplerDDPM) | takes_t(SamplerDDIM)
    assert {name for name in found if not name.startswith("_")} - {"transition"} <= set(CALLS)


PAIRS = ["q_posterior", "predict_xstart_from_xprev", "p_mean_variance", "vb_bpd", "training_losses", "p_sample"]


@pytest.mark.parametrize("name", PAIRS)
def test_a_level_without_a_neighbour_is_refused_in_a_line_where_one_is_needed(name: str) -> None:
    diffusion = process()
    between = diffusion.grid.at_ratio(0.77, X)
    with pytest.raises(
        SettingsError, match=r"level: times of the 12 steps of the grid wanted .*give a Transition"
    ) as caught:
        CALLS[name](diffusion, between)
    assert len(caught.value.lines) == 1
    CALLS["q_sample"](diffusion, between)


# Pairs, from algebra: q(x_up | x_down) has variance beta, and Bayes' rule gives q(x_down | x_up, x_0).

GRIDS: dict[str, Grid] = {
    "linear": linear_schedule(1000).respace(range(0, 1000, 97)),
    "cosine": cosine_schedule(30),
    "between steps": regrid(cosine_schedule(100), 17, "log_snr"),
    "flow": PathGrid(Flow(), np.linspace(0.02, 1.0, 14)),
}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def check_pair(pair: Transition) -> None:
    up, down = pair.up, pair.down
    alpha, sigma, alpha_down, sigma_down = (float(v) for v in (up.alpha, up.sigma, down.alpha, down.sigma))
    share = alpha / alpha_down
    beta = sigma**2 - share**2 * sigma_down**2
    precision = 1.0 / sigma_down**2 + share**2 / beta
    assert math.exp(float(pair.log_beta)) == pytest.approx(beta, rel=1e-11)
    assert float(pair.posterior_variance) == pytest.approx(1.0 / precision, rel=1e-11)
    mean = pair.posterior_mean(*torch.tensor([0.3, -1.7], dtype=torch.float64))
    expected = (alpha_down * 0.3 / sigma_down**2 + share * -1.7 / beta) / precision
    assert float(mean) == pytest.approx(expected, rel=1e-12, abs=1e-14)


@every_grid
def test_beta_and_posterior_of_a_pair_are_those_of_bayes_rule(grid: Grid) -> None:
    for i in range(1, grid.num_timesteps):
        check_pair(grid.transition(i, X[:1, 0, 0]))
        check_pair(Transition.between(grid.level(i, X), grid.level(i - 1, X)))


@every_grid
def test_a_pair_that_skips_levels_has_the_product_of_the_betas_between(grid: Grid) -> None:
    top, middle, low = (grid.level(i, X) for i in (9, 5, 2))
    check_pair(Transition.between(top, low))
    beta = [math.exp(float(Transition.between(*pair).log_beta)) for pair in ((top, middle), (middle, low), (top, low))]
    assert beta[2] == pytest.approx(beta[0] + float((top.alpha / middle.alpha) ** 2) * beta[1], rel=1e-12)


@every_grid
def test_the_lowest_level_goes_down_to_clean_data(grid: Grid) -> None:
    last = grid.transition(0, X)
    assert (float(last.is_last), float(last.down.alpha), float(last.down.sigma)) == (1.0, 1.0, 0.0)
    assert torch.equal(last.posterior_mean(X, NOISE), X)
    assert float(last.posterior_variance) == 0.0


@every_grid
def test_places_go_from_clean_data_to_noise_alone(grid: Grid) -> None:
    number = grid.num_timesteps
    ends = (grid.level(i, X) for i in (-1, number))
    assert [(float(end.alpha), float(end.sigma)) for end in ends] == [(1.0, 0.0), (0.0, 1.0)]
    for i in (-2, number + 1):
        with pytest.raises(SettingsError, match=rf"place: one from -1 .* to {number} .* wanted, got {i}"):
            grid.level(i, X)
    for kappa in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(SettingsError, match="kappa: a positive noise-to-signal ratio wanted"):
            grid.at_ratio(kappa, X)


@every_grid
def test_a_level_is_found_by_its_ratio_and_by_its_time(grid: Grid) -> None:
    every = torch.zeros(grid.num_timesteps, 1, dtype=torch.float64)
    for name, values in vars(grid.at_times(grid.times, every)).items():
        np.testing.assert_allclose(values[:, 0], getattr(grid.levels, name), rtol=1e-12, atol=1e-12)
    for i in range(grid.num_timesteps - 1):
        level = grid.level(i, X)
        beside = grid.at_ratio(float(level.kappa), X)
        for name in ("alpha", "sigma", "time"):
            assert float(getattr(beside, name)) == pytest.approx(float(getattr(level, name)), rel=1e-9, abs=1e-9)
        assert torch.equal(grid.transition_from(beside, X).log_beta.flatten(), grid.transition(i, X).log_beta.view(1))


@pytest.mark.parametrize("name", ["log_snr", "rho"])
@pytest.mark.parametrize("number", [2, 5, 40])
def test_a_grid_by_name_has_the_ratios_that_its_name_says(name: str, number: int) -> None:
    chain = cosine_schedule(100)
    kappa = regrid(chain, number, name).levels.kappa.numpy()
    even = np.log(kappa) if name == "log_snr" else kappa ** (1 / 7)
    np.testing.assert_allclose(np.diff(even), (even[-1] - even[0]) / (number - 1), rtol=1e-6)
    assert kappa[0] == pytest.approx(float(chain.sqrt_recipm1_alphas_cumprod[0]), rel=1e-9)
    assert kappa[-1] == pytest.approx(20.0, rel=1e-9)


@pytest.mark.parametrize(("rescale", "scale"), [(False, 1.0), (True, 1000.0 / 400)])
def test_a_network_is_told_a_fractional_time_between_its_steps(rescale: bool, scale: float) -> None:
    seen: list[float] = []

    def witness(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        assert time.dtype == torch.float32
        seen.extend(time[:1].tolist())
        return x

    diffusion = GaussianDiffusion(regrid(cosine_schedule(400), 7, "rho"), rescale_timesteps=rescale)
    SamplerDDIM(diffusion).sample(witness, (2, 1))
    np.testing.assert_allclose(seen, scale * diffusion.schedule.timesteps[::-1], rtol=1e-6)
    assert any(time % 1.0 for time in diffusion.schedule.timesteps)


def test_epsilon_is_refused_by_name_where_no_signal_is_left() -> None:
    with pytest.raises(SettingsError, match="epsilon"):
        GaussianDiffusion(GRIDS["flow"])
    GaussianDiffusion(GRIDS["flow"], model_mean_type=ModelMeanType.V)


# Order of solvers on the probability flow, with the exact denoiser of Gaussian data

MEAN, VARIANCE = 0.1, 0.09
NUMBERS = (20, 40, 80, 160)
PATHS: dict[str, Grid] = {"chain": cosine_schedule(4000), "flow": PathGrid(Flow(), np.linspace(0.01, 0.99, 99))}
every_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


@dataclass(frozen=True)
class Heun(Sampler[None]):
    """Heun's rule in kappa, with churn (Karras et al. 2022, algorithm 2)."""

    churn: float = 0.0

    def step(self, denoise: Denoiser, state: SampleStep[None], i: int, noise: NoiseSource) -> SampleStep[None]:
        at, x = self.diffusion.grid.transition(i, state.sample), state.sample
        up, down = at.up, at.down
        if self.churn:
            up = self.diffusion.grid.at_ratio(float(at.up.kappa) * (1.0 + self.churn), x)
            added = (up.kappa**2 - at.up.kappa**2).sqrt() * noise.normal("step", i, x.shape[1:], x.dtype)
            x = up.alpha * (x / at.up.alpha + added)
        x_start, y = denoise(x, up).x_start, x / up.alpha
        slope = (y - x_start) / up.kappa
        z = y + (down.kappa - up.kappa) * slope
        if i > 0:
            slope_below = (z - denoise(down.alpha * z, down).x_start) / down.kappa
            z = y + (down.kappa - up.kappa) * 0.5 * (slope + slope_below)
        return SampleStep(down.alpha * z, x_start)


def of_ratios(path: Grid, number: int) -> tuple[GaussianDiffusion, Denoiser]:
    """Levels from 20 to 0.05, evenly in log-SNR, and the exact denoiser."""
    diffusion = GaussianDiffusion(path.of_ratios(np.geomspace(0.05, 20.0, number)))
    mean, variance = (torch.tensor([value], dtype=torch.float64) for value in (MEAN, VARIANCE))
    return diffusion, GaussianDenoiser(diffusion, mean, variance).denoiser()


def standardised(x: Tensor, at: Level) -> Tensor:
    """What the probability flow leaves as it is."""
    return (x - at.alpha * MEAN) / (at.alpha**2 * VARIANCE + at.sigma**2).sqrt()


def order(path: Grid, sampler: type[Sampler]) -> float:
    """Slope of the error at kappa = 0.05 in the number of levels."""
    errors: list[float] = []
    for number in NUMBERS:
        diffusion, oracle = of_ratios(path, number)
        top, low = (diffusion.grid.level(i, X) for i in (number - 1, 0))
        states = list(sampler(diffusion, clip_denoised=False).walk(oracle, X[:, :1]))
        errors.append(float((standardised(states[-2].sample, low) - standardised(X[:, :1], top)).abs().max()))
    return -float(np.polyfit(np.log(NUMBERS), np.log(errors), 1)[0])


@every_path
def test_ddim_is_of_first_order_on_a_log_snr_grid(path: Grid) -> None:
    assert order(path, SamplerDDIM) == pytest.approx(1.0, abs=0.1)


@every_path
def test_a_rule_that_asks_twice_per_step_is_of_second_order(path: Grid) -> None:
    assert order(path, Heun) == pytest.approx(2.0, abs=0.1)


@every_path
def test_a_rule_that_goes_up_off_the_grid_first_keeps_mean_and_variance(path: Grid) -> None:
    diffusion, oracle = of_ratios(path, 80)
    top, low = (diffusion.grid.level(i, X) for i in (79, 0))
    noise = Rng.from_seed(3, 20_000).normal("x_T", 0, (1,), torch.float64)
    x_T = top.alpha * MEAN + (top.alpha**2 * VARIANCE + top.sigma**2).sqrt() * noise
    states = list(Heun(diffusion, clip_denoised=False, churn=0.1).walk(oracle, x_T))
    found = standardised(states[-2].sample, low)
    # Five standard errors of mean and variance of 20,000 standard normal numbers, and the rule's own error.
    assert float(found.mean()) == pytest.approx(0.0, abs=5 * 20_000**-0.5)
    assert float(found.var()) == pytest.approx(1.0, abs=5 * (2 / 20_000) ** 0.5 + 0.01)


def test_sampling_starts_at_sigma_times_noise_on_the_flow_and_at_noise_on_the_chain() -> None:
    noise = Rng.from_seed(0, 2).normal("x_T", 0, (1, 3))
    for path, share in (("chain", 1.0), ("flow", 20.0 / 21.0)):
        diffusion, _ = of_ratios(PATHS[path], 5)
        torch.testing.assert_close(SamplerDDIM(diffusion).initial_noise((2, 1, 3)), share * noise)


# Guidance in an interval of levels


def of_label(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.cat([0.1 * conditioning["y"].double().view(-1, 1, 1) + x, x.cos()], dim=1)


@pytest.mark.parametrize("each", [False, True])
def test_guidance_acts_at_the_levels_of_its_interval_alone(each: bool) -> None:
    diffusion = process(ModelMeanType.START_X)
    y = torch.tensor([3, 1, 2])
    conditional, unconditional = (
        diffusion.denoiser(of_label, conditioning={"y": labels}, clip=False) for labels in (y, torch.full_like(y, 9))
    )
    kappa = diffusion.grid.levels.kappa.tolist()
    guided = ClassifierFreeGuidance(conditional, unconditional, 2.5, low=kappa[2], high=kappa[7])
    for i in range(12):
        level = diffusion.grid.level(torch.full((3,), i) if each else i, X)
        scale = 2.5 if 2 <= i <= 7 else 1.0
        expected = X + 0.1 * (9 + scale * (y.double() - 9)).view(-1, 1, 1)
        torch.testing.assert_close(guided(X, level).x_start, expected, rtol=1e-12, atol=1e-12)
        some = guided.select(ROWS)(X[ROWS], level.map(lambda values: values[ROWS]) if each else level)
        torch.testing.assert_close(some.x_start, expected[ROWS], rtol=1e-12, atol=1e-12)
