"""The bound against exact likelihoods: Gaussian data, where everything is closed form, and enumerated data.

Expectations over Gaussian data and noise are taken by Gauss-Hermite quadrature; the terms are quadratic, so
three nodes make it exact.
"""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from idm.diffusion import ContinuousDecoder, DiscretizedDecoder, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.likelihood import Estimate, calc_bpd_loop, estimate_error_curve, with_error_curve
from idm.oracles import EnumeratedDenoiser, GaussianDenoiser
from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule, spaced

LN_2 = math.log(2.0)
MEAN, VARIANCE = 0.1, 0.04
CHAINS = {
    "linear": linear_schedule(30),
    "cosine": cosine_schedule(30),
    "few": linear_schedule(1000).respace(spaced(1000, 6)),
    "one": linear_schedule(1000).respace([700]),
}
every_chain = pytest.mark.parametrize("chain", sorted(CHAINS))


def process(schedule: NoiseSchedule, var_type: ModelVarType) -> GaussianDiffusion:
    return GaussianDiffusion(schedule, model_var_type=var_type, decoder=ContinuousDecoder())


def denoiser(diffusion: GaussianDiffusion, mean: float = MEAN, variance: float = VARIANCE) -> GaussianDenoiser:
    return GaussianDenoiser(diffusion, *(torch.tensor([number], dtype=torch.float64) for number in (mean, variance)))


def remaining(abar: float) -> float:
    """Var(x_0 | x_t), the mean squared error of the exact denoiser."""
    return VARIANCE * (1.0 - abar) / (abar * VARIANCE + 1.0 - abar)


def snr(abar: float) -> float:
    return abar / (1.0 - abar)


# Point by point: with exact reverse conditionals and prior q(x_T) the log-ratio of a path is the log-likelihood.


@every_chain
def test_the_log_ratio_of_any_path_is_the_log_likelihood_of_its_data(chain: str) -> None:
    schedule = CHAINS[chain]
    diffusion = process(schedule, ModelVarType.LEARNED)
    mean = torch.tensor([[MEAN, -0.4], [0.2, 0.0]], dtype=torch.float64)
    variance = torch.tensor([[VARIANCE, 1.0], [0.3, 2.0]], dtype=torch.float64)
    model = GaussianDenoiser(diffusion, mean, variance)
    generator = np.random.default_rng(2)
    x_start = torch.as_tensor(generator.normal(0.0, 1.0, (5, 2, 2)))
    ratio, below = np.zeros((5, 2, 2)), x_start
    for t in range(schedule.num_timesteps):
        # Any path will do; this one is not even drawn from the process.
        x_t = torch.as_tensor(generator.normal(0.0, 1.0, (5, 2, 2)))
        reverse = diffusion.p_mean_variance(model, x_t, t, clip_denoised=False).gaussian
        decoded = diffusion.decoder.log_likelihood(below, reverse)
        ratio += (decoded if t == 0 else reverse.log_density(below)).numpy()
        beta = float(schedule.betas[t])
        ratio -= stats.norm.logpdf(x_t.numpy(), math.sqrt(1.0 - beta) * below.numpy(), math.sqrt(beta))
        below = x_t
    abar = float(schedule.alphas_cumprod[-1])
    spread = np.sqrt(abar * variance.numpy() + 1.0 - abar)
    ratio += stats.norm.logpdf(below.numpy(), math.sqrt(abar) * mean.numpy(), spread)
    exact = stats.norm.logpdf(x_start.numpy(), mean.numpy(), np.sqrt(variance.numpy()))
    np.testing.assert_allclose(ratio, exact, rtol=1e-9, atol=1e-9)


# In expectation: every term has a closed form.


def quadrature() -> tuple[Tensor, Tensor, np.ndarray]:
    """Nodes (x_0, noise), each [9, 1], and weights [9] of the expectation over data and noise."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    pairs = list(itertools.product(range(3), repeat=2))
    x_start = torch.tensor([[MEAN + math.sqrt(VARIANCE) * nodes[i]] for i, _ in pairs], dtype=torch.float64)
    noise = torch.tensor([[nodes[j]] for _, j in pairs], dtype=torch.float64)
    return x_start, noise, np.array([weights[i] * weights[j] for i, j in pairs])


def expected_terms(diffusion: GaussianDiffusion) -> tuple[float, np.ndarray]:
    """Expected prior term and bound terms [T] of the exact denoiser, nats."""
    x_start, noise, weights = quadrature()
    model = denoiser(diffusion)
    terms = []
    for t in range(diffusion.num_timesteps):
        x_t = diffusion.q_sample(x_start, t, noise)
        terms.append(diffusion._vb_terms_bpd(model, x_start, x_t, t, clip_denoised=False).output.numpy() @ weights)
    return float(diffusion.prior_bpd(x_start).numpy() @ weights) * LN_2, np.array(terms) * LN_2


def closed_form_terms(schedule: NoiseSchedule, rule: str) -> list[float]:
    """Expected KL terms of steps 1 to T - 1 in nats: with delta = SNR(t - 1) - SNR(t) and m = Var(x_0 | x_t),

    0.5 delta m for the posterior variance, 0.5 ln(1 + delta m) for the optimal one, and for beta = r times the
    posterior variance 0.5 (ln r - 1 + (1 + delta m) / r).
    """
    values = []
    for prev, abar in itertools.pairwise(schedule.alphas_cumprod.tolist()):
        delta_m = (snr(prev) - snr(abar)) * remaining(abar)
        ratio = (1.0 - abar) / (1.0 - prev)
        large = 0.5 * (math.log(ratio) - 1.0 + (1.0 + delta_m) / ratio)
        values.append({"small": 0.5 * delta_m, "optimal": 0.5 * math.log1p(delta_m), "large": large}[rule])
    return values


@every_chain
@pytest.mark.parametrize(
    ("var_type", "rule"),
    [
        (ModelVarType.FIXED_SMALL, "small"),
        (ModelVarType.FIXED_LARGE, "large"),
        (ModelVarType.LEARNED, "optimal"),
    ],
)
def test_expected_terms_are_those_of_the_closed_form(chain: str, var_type: ModelVarType, rule: str) -> None:
    _, terms = expected_terms(process(CHAINS[chain], var_type))
    np.testing.assert_allclose(terms[1:], closed_form_terms(CHAINS[chain], rule), rtol=1e-7)


@every_chain
def test_with_exact_reverse_conditionals_the_expected_bound_misses_the_entropy_by_the_priors_error_alone(
    chain: str,
) -> None:
    schedule = CHAINS[chain]
    prior, terms = expected_terms(process(schedule, ModelVarType.LEARNED))
    entropy = 0.5 * math.log(2.0 * math.pi * math.e * VARIANCE)
    abar = float(schedule.alphas_cumprod[-1])
    last = abar * VARIANCE + 1.0 - abar
    gap = 0.5 * (last + abar * MEAN**2 - 1.0 - math.log(last))  # KL(q(x_T) || N(0, 1))
    assert prior + terms.sum() == pytest.approx(entropy + gap, abs=1e-9)


@every_chain
@pytest.mark.parametrize("var_type", [ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE])
def test_no_other_variance_has_a_smaller_expected_bound(chain: str, var_type: ModelVarType) -> None:
    optimal, fixed = (expected_terms(process(CHAINS[chain], kind))[1] for kind in (ModelVarType.LEARNED, var_type))
    assert bool((fixed >= optimal - 1e-12).all())
    assert fixed.sum() > optimal.sum()


@pytest.mark.parametrize("mean_type", list(ModelMeanType))
@pytest.mark.parametrize("var_type", [ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE])
def test_the_bound_does_not_depend_on_how_the_network_says_mean_and_variance(
    mean_type: ModelMeanType, var_type: ModelVarType
) -> None:
    diffusion = process(CHAINS["few"], var_type).replace(model_mean_type=mean_type)
    _, terms = expected_terms(diffusion)
    np.testing.assert_allclose(terms[1:], closed_form_terms(CHAINS["few"], "optimal"), rtol=1e-7)


def gaussian_data(number: int) -> Tensor:
    return MEAN + math.sqrt(VARIANCE) * torch.as_tensor(np.random.default_rng(5).normal(size=(number, 1)))


@pytest.mark.parametrize("var_type", [ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE, ModelVarType.LEARNED])
def test_the_loop_estimates_the_expected_bound(var_type: ModelVarType) -> None:
    diffusion = process(CHAINS["few"], var_type)
    bound = calc_bpd_loop(diffusion, denoiser(diffusion), gaussian_data(4000), clip_denoised=False, batch_size=8000)
    prior, terms = expected_terms(diffusion)
    total = Estimate.of(bound.total_bpd * LN_2)
    assert abs(total.mean - (prior + terms.sum())) < 4.0 * total.standard_error
    for t, expected in enumerate(terms):
        term = Estimate.of(bound.vb[:, t] * LN_2)
        assert abs(term.mean - expected) < 4.0 * term.standard_error
        error = Estimate.of(bound.xstart_mse[:, t])
        assert abs(error.mean - remaining(float(CHAINS["few"].alphas_cumprod[t]))) < 4.0 * error.standard_error


def test_the_error_curve_is_what_is_left_of_the_datas_variance() -> None:
    number = 40_000
    diffusion = process(CHAINS["linear"].respace([3, 20]), ModelVarType.FIXED_LARGE)
    model, x_start = denoiser(diffusion), gaussian_data(number)
    curve = estimate_error_curve(diffusion, diffusion.denoiser(model, clip=False), x_start)
    exact = [remaining(float(abar)) for abar in diffusion.schedule.alphas_cumprod]
    for found, error, expected in zip(curve.mean_squared_error, curve.standard_error, exact, strict=True):
        assert error == pytest.approx(expected * math.sqrt(2.0 / number), rel=0.1)  # a square of a normal number
        assert abs(found - expected) < 4.0 * error
    scores = [
        float(calc_bpd_loop(with_error_curve(diffusion, scaled), model, x_start).vb[:, 0].mean())
        for scaled in (
            replace(curve, mean_squared_error=tuple(math.exp(shift) * m for m in curve.mean_squared_error))
            for shift in (-0.2, 0.0, 0.2)
        )
    ]
    assert scores[1] < min(scores[0], scores[2])


# Enumerated data: 4 pixels of 4 levels have 256 states, and the true likelihood is a sum.

STATES = torch.tensor(list(itertools.product((-1.0, -1 / 3, 1 / 3, 1.0), repeat=4))).double().view(256, 1, 2, 2)
PROBABILITIES = np.random.default_rng(7).gamma(0.1, size=256)
PROBABILITIES /= PROBABILITIES.sum()
ENTROPY = -(PROBABILITIES * np.log2(PROBABILITIES)).sum() / 4.0  # true negative log-likelihood, bits/dim


def estimated_bounds(var_type: ModelVarType, num_steps: int) -> np.ndarray:
    """Expected bound of the data, bits/dim: four independent estimates."""
    schedule = cosine_schedule(100).with_noise_floor(1 / 3).respace(range(0, 60, 60 // num_steps))
    diffusion = GaussianDiffusion(schedule, model_var_type=var_type, decoder=DiscretizedDecoder(levels=4))
    model = EnumeratedDenoiser(diffusion, STATES, torch.as_tensor(PROBABILITIES))
    bounds = [calc_bpd_loop(diffusion, model, STATES, seed=1000 * i, batch_size=2560) for i in range(4)]
    return np.array([bound.total_bpd.numpy() @ PROBABILITIES for bound in bounds])


@pytest.mark.parametrize("var_type", list(ModelVarType))
@pytest.mark.parametrize("num_steps", [1, 4, 12])
def test_the_bound_of_enumerated_data_is_at_least_their_true_negative_log_likelihood(
    var_type: ModelVarType, num_steps: int
) -> None:
    bounds = estimated_bounds(var_type, num_steps)
    assert bounds.mean() - 3.0 * stats.sem(bounds) > ENTROPY


def test_the_exact_denoiser_codes_enumerated_data_better_than_a_uniform_code_does() -> None:
    bounds = estimated_bounds(ModelVarType.LEARNED, 12)
    assert bounds.mean() + 3.0 * stats.sem(bounds) < math.log2(4)
