"""Variances of a reverse step: the fixed ends of the range, what lies between, and where the optimum is."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import (
    CalibratedDecoder,
    ErrorCurve,
    GaussianDiffusion,
    ModelVarType,
    NetworkOutput,
    ReverseVariance,
)
from idm.oracles import GaussianDenoiser
from idm.samplers import SamplerDDIM, SamplerDDPM
from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule, spaced

CHAINS = {
    "linear": linear_schedule(40),
    "cosine": cosine_schedule(40),
    "few": linear_schedule(1000).respace(spaced(1000, 6)),
    "two": cosine_schedule(2),
    "one": linear_schedule(1000).respace([700]),
}
every_chain = pytest.mark.parametrize("chain", sorted(CHAINS))
betas = st.lists(st.floats(1e-4, 0.99), min_size=1, max_size=8)
heads = st.floats(-3.0, 3.0)


def log_variances(schedule: NoiseSchedule, variance: ModelVarType | ReverseVariance, head: float | None) -> np.ndarray:
    """Log-variance of every step, with the same head everywhere."""
    number = schedule.num_timesteps
    diffusion = GaussianDiffusion(schedule, model_var_type=variance)
    x = torch.zeros(number, 1, dtype=torch.float64)
    output = NetworkOutput(x, None if head is None else torch.full_like(x, head))
    return diffusion.interpret(output, x, torch.arange(number)).log_variance[:, 0].numpy()


def log_posterior(schedule: NoiseSchedule) -> np.ndarray:
    """From abar alone; step 0 as step 1, or as beta in a chain of one step."""
    abar, prev = schedule.alphas_cumprod, np.append(1.0, schedule.alphas_cumprod[:-1])
    beta = 1.0 - abar / prev
    posterior = beta * (1.0 - prev) / (1.0 - abar)
    posterior[0] = posterior[1] if len(abar) > 1 else beta[0]
    return np.log(posterior)


def log_beta(schedule: NoiseSchedule) -> np.ndarray:
    abar = schedule.alphas_cumprod
    return np.log(1.0 - abar / np.append(1.0, abar[:-1]))


# Law 4: LEARNED_RANGE at -1 is FIXED_SMALL, at +1 it is log beta; fixed variances ignore the head.


@given(betas=betas)
def test_learned_range_at_minus_one_is_the_posterior_variance(betas: list[float]) -> None:
    schedule = NoiseSchedule.from_betas(betas)
    ours = log_variances(schedule, ModelVarType.LEARNED_RANGE, -1.0)
    np.testing.assert_array_equal(ours, log_variances(schedule, ModelVarType.FIXED_SMALL, None))
    np.testing.assert_allclose(ours, log_posterior(schedule), rtol=1e-11, atol=1e-11)


@given(betas=betas)
def test_learned_range_at_plus_one_is_beta_at_every_step(betas: list[float]) -> None:
    schedule = NoiseSchedule.from_betas(betas)
    ours = log_variances(schedule, ModelVarType.LEARNED_RANGE, 1.0)
    np.testing.assert_allclose(ours, log_beta(schedule), rtol=1e-11, atol=1e-11)


@given(betas=betas)
def test_the_large_fixed_variance_is_beta_but_for_step_0_which_is_as_small_as_the_small_one(betas: list[float]) -> None:
    schedule = NoiseSchedule.from_betas(betas)
    small, large = (
        log_variances(schedule, kind, None) for kind in (ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE)
    )
    np.testing.assert_allclose(large[1:], log_beta(schedule)[1:], rtol=1e-11, atol=1e-11)
    assert large[0] == small[0]
    assert (small <= large).all()


@given(betas=betas, head=heads)
def test_in_between_and_beyond_learned_range_is_linear_in_the_logarithm(betas: list[float], head: float) -> None:
    schedule = NoiseSchedule.from_betas(betas)
    low, high = log_posterior(schedule), log_beta(schedule)
    ours = log_variances(schedule, ModelVarType.LEARNED_RANGE, head)
    np.testing.assert_allclose(ours, 0.5 * (high + low) + 0.5 * head * (high - low), rtol=1e-10, atol=1e-10)


@given(betas=betas, head=heads, kind=st.sampled_from([ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE]))
def test_fixed_variances_ignore_the_head(betas: list[float], head: float, kind: ModelVarType) -> None:
    schedule = NoiseSchedule.from_betas(betas)
    np.testing.assert_array_equal(log_variances(schedule, kind, head), log_variances(schedule, kind, None))


@given(betas=betas, head=heads)
def test_a_learned_variance_is_the_exponential_of_the_head(betas: list[float], head: float) -> None:
    ours = log_variances(NoiseSchedule.from_betas(betas), ModelVarType.LEARNED, head)
    np.testing.assert_array_equal(ours, np.full(len(betas), head))


@every_chain
@pytest.mark.parametrize("kind", list(ModelVarType))
def test_the_variance_is_the_exponential_of_its_logarithm_at_every_step(chain: str, kind: ModelVarType) -> None:
    schedule = CHAINS[chain]
    x = torch.zeros(schedule.num_timesteps, 1, dtype=torch.float64)
    step = GaussianDiffusion(schedule, model_var_type=kind).interpret(
        NetworkOutput(x, x + 0.3), x, torch.arange(schedule.num_timesteps)
    )
    np.testing.assert_allclose(step.variance.numpy(), np.exp(step.log_variance.numpy()), rtol=1e-15)
    assert bool((step.variance > 0).all())


@given(
    betas=st.lists(st.floats(1e-3, 0.9), min_size=2, max_size=8),
    log_variance=st.floats(-10.0, 2.0),
    kind=st.sampled_from([ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE]),
)
def test_a_learned_variance_is_said_by_the_head_that_it_is_read_from(
    betas: list[float], log_variance: float, kind: ModelVarType
) -> None:
    schedule, wanted = NoiseSchedule.from_betas(betas), torch.full((1, 1), log_variance, dtype=torch.float64)
    for t in range(schedule.num_timesteps):
        at = schedule.transition(t, wanted)
        head = kind.value.head(wanted, at)
        assert head is not None
        assert float(kind.value.log_variance(head, at)) == pytest.approx(log_variance, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", [ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE])
def test_no_head_says_a_fixed_variance(kind: ModelVarType) -> None:
    assert kind.value.head(torch.zeros(1, 1), CHAINS["linear"].transition(3, torch.zeros(1, 1))) is None


# The error curve at steps to clean data


def kappas(schedule: NoiseSchedule) -> list[float]:
    """Logarithms of sigma / alpha = sqrt((1 - abar) / abar)."""
    abar = schedule.alphas_cumprod
    return (0.5 * np.log((1.0 - abar) / abar)).tolist()


@every_chain
@pytest.mark.parametrize("kind", list(ModelVarType))
def test_the_curve_decides_the_variance_of_step_0_and_of_no_other(chain: str, kind: ModelVarType) -> None:
    schedule = CHAINS[chain]
    known = kappas(schedule)
    errors = tuple(0.01 * (1.0 + place) for place in range(len(known)))
    inner = log_variances(schedule, kind, 0.4)
    ours = log_variances(schedule, CalibratedDecoder(kind.value, ErrorCurve(tuple(known), errors, errors)), 0.4)
    assert ours[0] == pytest.approx(math.log(0.01), rel=1e-12)
    np.testing.assert_array_equal(ours[1:], inner[1:])


@pytest.mark.parametrize(("keep", "known"), [([0, 3], True), ([2, 30], True), ([31, 33], False), ([39], False)])
def test_it_is_read_at_the_level_where_the_last_step_starts(keep: list[int], known: bool) -> None:
    whole = CHAINS["linear"]
    ends = [kappas(whole)[place] for place in (0, 30)]
    curve = ErrorCurve(tuple(ends), (1e-3, 1e-1), (None, None))
    inner = ModelVarType.FIXED_LARGE.value
    schedule = whole.respace(keep)
    ours = log_variances(schedule, CalibratedDecoder(inner, curve), 0.0)
    share = (kappas(schedule)[0] - ends[0]) / (ends[1] - ends[0])
    expected = math.log(1e-3) + share * math.log(100.0) if known else log_variances(schedule, inner, 0.0)[0]
    assert ours[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "lists",
    [
        ((), (), ()),
        ((0.0, 1.0), (0.1,), (None,)),
        ((1.0, 0.0), (0.1, 0.2), (None, None)),
        ((0.0, 0.0), (0.1, 0.2), (None, None)),
        ((0.0, 1.0), (0.2, 0.1), (None, None)),
        ((0.0,), (-0.1,), (None,)),
        ((0.0,), (math.nan,), (None,)),
        ((math.inf,), (0.1,), (None,)),
    ],
)
def test_what_is_no_curve_is_refused(lists: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(SettingsError, match="error curve: as many errors"):
        ErrorCurve(*lists)


# The optimum: fraction f = ln(1 + (SNR(t - 1) - SNR(t)) m) / ln(sigma_t^2 / sigma_{t-1}^2), m = Var(x_0 | x_t).


def optimal_heads(schedule: NoiseSchedule, variance: float) -> np.ndarray:
    """The head of the exact denoiser of Gaussian data at steps 1, 2, ..."""
    number = schedule.num_timesteps
    diffusion = GaussianDiffusion(schedule, model_var_type=ModelVarType.LEARNED_RANGE)
    data = (torch.tensor([value], dtype=torch.float64) for value in (0.1, variance))
    x = torch.linspace(-2.0, 2.0, number, dtype=torch.float64).view(-1, 1)
    output = diffusion.predict(GaussianDenoiser(diffusion, *data), x, torch.arange(number))
    assert output.variance is not None
    return output.variance[1:, 0].numpy()


@pytest.mark.parametrize("chain", ["linear", "few", "two"])
@pytest.mark.parametrize("variance", [0.01, 0.3, 1.0, 2.0])
def test_the_best_fraction_of_the_range_is_that_of_the_closed_form(chain: str, variance: float) -> None:
    abar = CHAINS[chain].alphas_cumprod
    snr, noise = abar / (1.0 - abar), 1.0 - abar
    remaining = variance * noise / (abar * variance + noise)
    fraction = np.log1p((snr[:-1] - snr[1:]) * remaining[1:]) / np.log(noise[1:] / noise[:-1])
    np.testing.assert_allclose(optimal_heads(CHAINS[chain], variance), 2.0 * fraction - 1.0, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("chain", ["linear", "few", "two"])
def test_beta_is_best_for_white_data_of_unit_variance_and_the_posterior_variance_for_a_single_point(chain: str) -> None:
    np.testing.assert_allclose(optimal_heads(CHAINS[chain], 1.0), 1.0, rtol=0, atol=1e-8)
    np.testing.assert_allclose(optimal_heads(CHAINS[chain], 0.0), -1.0, rtol=0, atol=1e-8)


@pytest.mark.parametrize("variance", [1e-4, 0.04, 0.5, 0.999])
def test_the_range_contains_the_best_variance_of_data_that_vary_less_than_noise(variance: float) -> None:
    head = optimal_heads(CHAINS["linear"], variance)
    assert (head > -1.0).all()
    assert (head < 1.0).all()


# DDIM with eta = 1 adds the small variance, to float64's accuracy.


@every_chain
@pytest.mark.parametrize("clip", [True, False])
def test_a_ddim_step_with_eta_1_is_an_ancestral_step_with_the_posterior_variance(chain: str, clip: bool) -> None:
    diffusion = GaussianDiffusion(CHAINS[chain], model_var_type=ModelVarType.FIXED_SMALL)
    generator = np.random.default_rng(0)

    def consistent(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """The eps of x_0 = tanh(x), so that x_0 is of order 1 at every level."""
        places = torch.searchsorted(torch.as_tensor(diffusion.schedule.timesteps), time.contiguous())
        abar = torch.as_tensor(diffusion.schedule.alphas_cumprod)[places].view(-1, 1)
        return (x - abar.sqrt() * torch.tanh(x)) / (1.0 - abar).sqrt()

    for t in range(diffusion.num_timesteps):
        x, noise = (torch.as_tensor(generator.normal(size=(4, 3))) for _ in range(2))
        ancestral = SamplerDDPM(diffusion, clip).p_sample(consistent, x, t, noise=noise).sample
        stochastic = SamplerDDIM(diffusion, clip, eta=1.0).ddim_sample(consistent, x, t, noise=noise).sample
        # x_0 is a difference of numbers as large as 1 / alpha.
        tolerance = 1e-12 + 1e-14 / math.sqrt(float(diffusion.schedule.alphas_cumprod[t]))
        assert float((ancestral - stochastic).abs().max()) < tolerance


@every_chain
@pytest.mark.parametrize(
    "variance", [*ModelVarType, CalibratedDecoder(ModelVarType.LEARNED_RANGE.value, ErrorCurve.at_one(0.1, 0.01))]
)
def test_the_standard_deviation_is_the_root_of_the_variance(
    chain: str, variance: ModelVarType | ReverseVariance
) -> None:
    rule = variance.value if isinstance(variance, ModelVarType) else variance
    head = torch.linspace(-2.0, 2.0, 7, dtype=torch.float64)[None]
    for i in range(CHAINS[chain].num_timesteps):
        at = CHAINS[chain].transition(i, head)
        found, squared = rule.std(head, at), torch.exp(rule.log_variance(head, at))
        torch.testing.assert_close(found * found, squared.expand_as(found), rtol=1e-12, atol=0.0)
