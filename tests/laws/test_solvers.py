"""Laws of solvers: measured orders, identities between rules, and calls of the network.

With Gaussian data the flow keeps (x - alpha mean) / sqrt(alpha^2 variance + sigma^2), so that the exact state at every
level is known, and the exact x_0 of the steps before the first one as well: what a multistep rule remembers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.diffusion import Denoised, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.samplers import MultistepRule, Sampler, SamplerDDIM, SamplerDDPM, SamplerHeun, SamplerMultistep, SampleStep
from idm.samplers.exponential import Integration, moments
from idm.samplers.multistep import Past
from idm.samplers.noise import StepNoise
from idm.schedules import Flow, Grid, Level, Path, PathGrid, cosine_schedule, regrid

MEAN, VARIANCE = 0.3, 0.25
START = torch.tensor([[0.7], [-1.2], [1.9]], dtype=torch.float64)
PATHS: dict[str, Path] = {"cosine": cosine_schedule(1000).path, "flow": Flow()}
NUMBERS, MORE = (96, 192), (384, 768)
"""Steps between which a slope is measured; those of which the first error term is small by chance need more."""

HIGHEST, LOWEST = 20.0, 0.05


@dataclass
class Exact:
    """The exact denoiser of N(MEAN, VARIANCE), which counts its calls."""

    calls: list[float] = field(default_factory=list[float])

    def __call__(self, x: Tensor, at: Level) -> Denoised:
        self.calls.append(float(at.kappa.flatten()[0]))
        share = at.alpha * VARIANCE / (at.alpha**2 * VARIANCE + at.sigma**2)
        found = MEAN + share * (x - at.alpha * MEAN)
        return Denoised(found, found)

    def select(self, rows: Tensor) -> "Exact":
        return self


def grid_of(path: Path, spacing: str, number: int, above: int = 0) -> PathGrid:
    """Levels of ``number`` steps from HIGHEST to LOWEST, and some more above them."""
    shares = np.arange(number + 1 + above) / number
    if spacing == "log_snr":
        kappas = LOWEST * (HIGHEST / LOWEST) ** shares
    else:
        kappas = (LOWEST ** (1 / 7) + shares * (HIGHEST ** (1 / 7) - LOWEST ** (1 / 7))) ** 7
    return PathGrid(path, path.time_of(np.log(kappas)))


def exact_states(grid: Grid) -> list[Tensor]:
    """x at every level of the flow that ends at START times the deviation there."""
    levels = grid.levels
    deviation = (levels.alpha**2 * VARIANCE + levels.sigma**2).sqrt()
    return [alpha * MEAN + spread * START for alpha, spread in zip(levels.alpha, deviation, strict=True)]


def remembered(sampler: SamplerMultistep, states: list[Tensor], i: int, count: int) -> SampleStep[Past]:
    """The state at place i after exact steps, with ``count`` exact values; the corrector has nothing to correct."""
    grid, exact = sampler.diffusion.grid, Exact()
    integration: Integration = sampler.rule.value
    levels = [grid.level(place, START) for place in range(i, i + 1 + count)]
    values = tuple(
        integration.read(exact(states[i + back], levels[back]), states[i + back], levels[back])
        for back in range(1, count + 1)
    )
    now = integration.read(exact(states[i], levels[0]), states[i], levels[0])
    weights = sampler.weights(i + 1, count, now).correct
    base = states[i] - sum((w * v for w, v in zip(weights, (now, *values), strict=True)), torch.zeros_like(now))
    return SampleStep(states[i], memory=Past(base, values))


MOST_VALUES = 4


def error(
    make: Callable[[GaussianDiffusion], Sampler], path: Path, spacing: str, number: int, exact_start: bool = True
) -> float:
    """Largest error at LOWEST, from the exact state at HIGHEST, with exact values above it or none."""
    grid = grid_of(path, spacing, number, above=MOST_VALUES)
    sampler, states, noise = make(GaussianDiffusion(grid)), exact_states(grid), StepNoise(Rng.from_seed(0, 3, "cpu"))
    denoise, state = Exact(), SampleStep[Past](states[number])
    if exact_start and isinstance(sampler, SamplerMultistep):
        state = remembered(sampler, states, number, sampler.order)
    for i in range(number, 0, -1):
        state = sampler.step(denoise, state, i, noise)
    return float((state.sample - states[0]).abs().max())


def of(**options: Any) -> Callable[[GaussianDiffusion], Sampler]:
    return lambda diffusion: SamplerMultistep(diffusion, clip_denoised=False, **options)


SOLVERS: dict[str, tuple[Callable[[GaussianDiffusion], Sampler], int]] = {
    "DDIM": (of(order=1, corrector=False), 1),
    "2M": (of(order=2, corrector=False), 2),
    "3M corrected": (of(order=3, corrector=False), 3),
    "3M as published": (of(order=3, corrector=False, rule=MultistepRule.DPMPP), 2),
    "UniPC-1": (of(order=1), 2),
    "UniPC-2": (of(order=2), 3),
    "UniPC-3": (of(order=3), 4),
    "exponential 4": (of(order=4, corrector=False, rule=MultistepRule.EXPONENTIAL), 4),
    "DEIS-2": (of(order=2, corrector=False, rule=MultistepRule.DEIS), 2),
    "DEIS-3": (of(order=3, corrector=False, rule=MultistepRule.DEIS), 3),
    "Heun": (lambda diffusion: SamplerHeun(diffusion, clip_denoised=False), 2),
}


SLOW = {("3M corrected", "log_snr"), ("exponential 4", "rho")}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize(
    ("name", "spacing"),
    [(name, spacing) for name in SOLVERS for spacing in ("log_snr", "rho") if (name, spacing) != ("DEIS-3", "log_snr")],
)
def test_the_order_of_a_solver_from_an_exact_start(name: str, path: Path, spacing: str) -> None:
    make, order = SOLVERS[name]
    first, second = (error(make, path, spacing, number) for number in (MORE if (name, spacing) in SLOW else NUMBERS))
    assert 1e-12 < second < first < 0.1
    assert math.log2(first / second) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(("name", "least"), [("2M", 1.85), ("UniPC-2", 2.85), ("Heun", 1.85)])
def test_the_first_steps_with_fewer_values_do_not_cost_what_is_used_most_its_order(name: str, least: float) -> None:
    make, _ = SOLVERS[name]
    errors = [error(make, PATHS["cosine"], "log_snr", number, exact_start=False) for number in NUMBERS]
    assert math.log2(errors[0] / errors[1]) > least


@pytest.mark.parametrize("h", [0.02, 0.7, 1.0, 2.5, 9.0, -0.3, -1.5])
def test_moments_are_integrals(h: float) -> None:
    def integrand(s: float, n: int) -> float:
        return h * math.exp(-h * (1 - s)) * s**n

    expected = [quad(integrand, 0, 1, args=(n,), epsabs=1e-14)[0] for n in range(5)]
    np.testing.assert_allclose(moments(h, 5), expected, rtol=1e-11)


@pytest.mark.parametrize("h", [1e-6, 0.4, 6.0])
def test_weights_integrate_polynomials_exactly(h: float) -> None:
    nodes = [1.0, 0.0, -0.8, -2.1]
    weights = Integration().weights(h, nodes)
    for power in range(4):
        total = sum(weight * node**power for weight, node in zip(weights, nodes, strict=True))
        assert total == pytest.approx(moments(h, 4)[power], rel=1e-9, abs=1e-13)


GRIDS: dict[str, Grid] = {
    "cosine": cosine_schedule(30),
    "log_snr": regrid(cosine_schedule(300), 11, "log_snr"),
    "flow": grid_of(PATHS["flow"], "rho", 9),
}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def drawn(sampler: Sampler, seed: int = 3) -> list[Tensor]:
    x = sampler.initial_noise((3, 1), seed=seed).double()
    return [state.sample for state in sampler.walk(Exact(), x, seed=seed)]


@every_grid
@pytest.mark.parametrize("rule", list(MultistepRule))
def test_order_1_without_a_corrector_is_ddim(grid: Grid, rule: MultistepRule) -> None:
    diffusion = GaussianDiffusion(grid)
    ours = drawn(SamplerMultistep(diffusion, order=1, corrector=False, rule=rule, clip_denoised=False))
    torch.testing.assert_close(ours, drawn(SamplerDDIM(diffusion, clip_denoised=False)), rtol=1e-11, atol=1e-11)


@every_grid
def test_tau_1_of_order_1_is_ancestral_sampling_with_the_posterior_variance(grid: Grid) -> None:
    diffusion = GaussianDiffusion(grid, model_var_type=ModelVarType.FIXED_SMALL)
    ours = drawn(SamplerMultistep(diffusion, order=1, corrector=False, tau=1.0, clip_denoised=False))
    torch.testing.assert_close(ours, drawn(SamplerDDPM(diffusion, clip_denoised=False)), rtol=1e-11, atol=1e-11)


def test_tau_and_eta_name_the_same_noise() -> None:
    # 1 - exp(-2 tau^2 h) = eta^2 (1 - exp(-2 h)), with one h for all steps (Xue et al. 2023, proposition 5.2).
    grid = grid_of(PATHS["cosine"], "log_snr", 9)
    h, tau = math.log(HIGHEST / LOWEST) / 9, 0.6
    eta = math.sqrt(math.expm1(-2 * tau**2 * h) / math.expm1(-2 * h))
    diffusion = GaussianDiffusion(grid)
    ours = drawn(SamplerMultistep(diffusion, order=1, corrector=False, tau=tau, clip_denoised=False))
    theirs = drawn(SamplerDDIM(diffusion, eta=eta, clip_denoised=False))
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{"order": 2}, {"order": 3, "corrector": False}, {"order": 2, "tau": 0.7}])
def test_noise_of_the_corrector_is_that_of_the_step(options: dict[str, float]) -> None:
    """With many steps and tau the marginal variance is that of the data: noise is added once, and not again."""
    grid = grid_of(PATHS["cosine"], "log_snr", 200)
    diffusion = GaussianDiffusion(grid)
    make = of(**options)
    x = make(diffusion).initial_noise((4000, 1), seed=1).double()
    states = [state.sample for state in make(diffusion).walk(Exact(), x, seed=1)]
    low = grid.levels.map(lambda values: values[0])
    expected = float(low.alpha**2 * VARIANCE + low.sigma**2)
    assert float(states[-2].var()) == pytest.approx(expected, rel=4 * math.sqrt(2 / 4000))


def test_eps_cannot_be_interpolated_with_noise() -> None:
    with pytest.raises(SettingsError, match="tau: 0 wanted with rule=deis"):
        SamplerMultistep(GaussianDiffusion(cosine_schedule(8)), rule=MultistepRule.DEIS, tau=0.5)


@pytest.mark.parametrize(
    ("name", "extra"), [(name, 0) for name in SOLVERS if name != "Heun"] + [("Heun", 1)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("number", [1, 2, 7])
def test_calls_of_the_network(name: str, extra: int, number: int) -> None:
    grid, denoise = cosine_schedule(number), Exact()
    sampler = SOLVERS[name][0](GaussianDiffusion(grid))
    list(sampler.walk(denoise, torch.zeros(1, 1)))
    assert len(denoise.calls) == number + extra * (number - 1)


def test_calls_are_known_beforehand() -> None:
    diffusion = GaussianDiffusion(cosine_schedule(7))
    assert (SamplerDDIM(diffusion).num_calls, SamplerMultistep(diffusion).num_calls) == (7, 7)
    assert SamplerHeun(diffusion).num_calls == 13


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda diffusion: SamplerHeun(diffusion, churn_min=2.0, churn_max=1.0), "churn_min: at most churn_max=1.0"),
        (
            lambda diffusion: SamplerHeun(diffusion, churn=1.0),
            "churn: 0 wanted with a network that predicts previous_x",
        ),
        (lambda diffusion: SamplerMultistep(diffusion, tau=1e200), "tau: "),
    ],
)
def test_options_that_cannot_be_are_refused(make: Callable[[GaussianDiffusion], Sampler], said: str) -> None:
    diffusion = GaussianDiffusion(cosine_schedule(8), model_mean_type=ModelMeanType.PREVIOUS_X)
    with pytest.raises(SettingsError, match=said):
        make(diffusion)


@pytest.mark.usefixtures("unchecked_types")
def test_a_rule_is_none_of_the_words_for_it() -> None:
    wrong: Any = "deis"
    with pytest.raises(SettingsError, match=r"rule: a member of MultistepRule \(UNIPC, .*\) wanted, got 'deis'"):
        SamplerMultistep(GaussianDiffusion(cosine_schedule(8)), rule=wrong)


def test_churn_is_that_of_the_paper() -> None:
    """Levels rise by min(S_churn / N, sqrt(2) - 1) between S_tmin and S_tmax; other levels stay."""
    grid, denoise = grid_of(PATHS["cosine"], "log_snr", 9), Exact()
    sampler = SamplerHeun(GaussianDiffusion(grid), churn=3.0, churn_min=0.2, churn_max=8.0)
    list(sampler.walk(denoise, torch.zeros(1, 1, dtype=torch.float64)))
    kappas = grid.levels.kappa.tolist()[::-1]
    expected = [
        [k * (1.3 if 0.2 <= k <= 8.0 else 1.0), below] for k, below in zip(kappas, [*kappas[1:], None], strict=True)
    ]
    flat = [value for pair in expected for value in pair if value is not None]
    np.testing.assert_allclose(denoise.calls, flat, rtol=1e-6)


def test_churn_keeps_the_marginals_of_gaussian_data() -> None:
    grid = grid_of(PATHS["cosine"], "log_snr", 120)
    sampler = SamplerHeun(GaussianDiffusion(grid), churn=20.0, clip_denoised=False)
    x = sampler.initial_noise((4000, 1), seed=5).double()
    low = list(sampler.walk(Exact(), x, seed=5))[-2].sample
    at = grid.levels.map(lambda values: values[0])
    expected = float(at.alpha**2 * VARIANCE + at.sigma**2)
    assert float(low.var()) == pytest.approx(expected, rel=4 * math.sqrt(2 / 4000))
    without = list(replace(sampler, churn=0.0).walk(Exact(), x, seed=5))[-2].sample
    assert float((low - without).abs().mean()) > 0.1


def test_noise_alone_starts_the_straight_path() -> None:
    grid = PathGrid(Flow(), np.array([0.1, 0.5, 1.0]))
    for make, _ in SOLVERS.values():
        diffusion = GaussianDiffusion(grid, model_mean_type=ModelMeanType.V)
        states = list(make(diffusion).walk(Exact(), torch.ones(2, 1, dtype=torch.float64)))
        assert all(bool(torch.isfinite(state.sample).all()) for state in states)
        # x_0 is MEAN where there is no signal, and the noise is kept
        torch.testing.assert_close(states[0].sample, torch.full((2, 1), 0.5 * MEAN + 0.5, dtype=torch.float64))
