"""Finitely many states or samples, against Bayes' rule in plain Python."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, LossType, ModelMeanType, ModelVarType
from idm.oracles import EmpiricalDenoiser, EnumeratedDenoiser
from idm.samplers import SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule, linear_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(12), model_mean_type=ModelMeanType.START_X)
GENERATOR = np.random.default_rng(0)
STATES = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)), dtype=torch.float64).view(27, 1, 3)
PROBABILITIES = torch.as_tensor(GENERATOR.dirichlet(np.ones(27)))
DATA = torch.as_tensor(GENERATOR.uniform(-1.0, 1.0, (9, 1, 4, 4)))
LABELS = torch.tensor([0, 1, 2] * 3)


def posterior(x: list[float], abar: float) -> list[float]:
    """Probability of each state given x_t, by Bayes' rule."""
    logs = [
        math.log(p) - sum((a - math.sqrt(abar) * b) ** 2 for a, b in zip(x, state, strict=True)) / (2.0 * (1.0 - abar))
        for p, state in zip(PROBABILITIES.tolist(), STATES[:, 0].tolist(), strict=True)
    ]
    likely = [math.exp(value - max(logs)) for value in logs]
    return [value / sum(likely) for value in likely]


@pytest.mark.parametrize("t", range(12))
def test_moments_of_enumerated_data_are_sums_over_states(t: int) -> None:
    oracle = EnumeratedDenoiser(DIFFUSION, STATES, PROBABILITIES)
    x = torch.as_tensor(GENERATOR.normal(size=(4, 1, 3)))
    found = oracle.x_start_moments(x, DIFFUSION.schedule.level(torch.full((4,), t), x), {})
    for i, row in enumerate(x[:, 0].tolist()):
        shares = np.array(posterior(row, float(DIFFUSION.schedule.alphas_cumprod[t])))
        mean = shares @ STATES[:, 0].numpy()
        variance = shares @ (STATES[:, 0].numpy() - mean) ** 2
        np.testing.assert_allclose(found.mean[i, 0].numpy(), mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.variance[i, 0].numpy(), variance, rtol=0, atol=1e-12)


def test_the_variance_of_a_reverse_step_is_bounded_below_where_the_state_is_certain() -> None:
    diffusion = GaussianDiffusion(linear_schedule(1000), model_var_type=ModelVarType.LEARNED)
    oracle = EnumeratedDenoiser(diffusion, STATES, PROBABILITIES)
    step = diffusion.p_mean_variance(oracle, STATES, 0)
    torch.testing.assert_close(step.pred_xstart, STATES, rtol=0, atol=1e-12)
    torch.testing.assert_close(step.variance, torch.full_like(STATES, 1e-12), rtol=1e-9, atol=0)


def test_a_data_set_is_its_samples_each_as_likely_as_the_next() -> None:
    uniform = EnumeratedDenoiser(DIFFUSION, DATA, torch.ones(9))
    x = torch.as_tensor(GENERATOR.normal(size=DATA.shape))
    for t in range(12):
        ours, theirs = (
            DIFFUSION.predict(oracle, x, t).prediction for oracle in (EmpiricalDenoiser(DIFFUSION, DATA), uniform)
        )
        assert torch.equal(ours, theirs)


def test_a_repeated_sample_counts_as_often_as_it_occurs() -> None:
    repeated = EmpiricalDenoiser(DIFFUSION, DATA[[0, 1, 1, 1]])
    weighted = EnumeratedDenoiser(DIFFUSION, DATA[:2], torch.tensor([1.0, 3.0]))
    x = torch.as_tensor(GENERATOR.normal(size=(3, 1, 4, 4)))
    torch.testing.assert_close(
        DIFFUSION.predict(repeated, x, 8).prediction, DIFFUSION.predict(weighted, x, 8).prediction, rtol=0, atol=1e-12
    )


def test_a_label_restricts_the_data_set_to_a_class() -> None:
    oracle = EmpiricalDenoiser(DIFFUSION, DATA, LABELS)
    x = torch.as_tensor(GENERATOR.normal(size=(4, 1, 4, 4)))
    y = [2, 0, 1, 7]
    ours = DIFFUSION.predict(oracle, x, 6, {"y": torch.tensor(y)}).prediction
    for i, label in enumerate(y):
        chosen = DATA[label == LABELS] if label < 3 else DATA
        alone = DIFFUSION.predict(EmpiricalDenoiser(DIFFUSION, chosen), x[i : i + 1], 6).prediction
        torch.testing.assert_close(ours[i : i + 1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampler", [SamplerDDIM, SamplerDDPM])
def test_sampling_returns_samples_of_the_data_set_of_the_class_asked_for(
    sampler: type[SamplerDDIM] | type[SamplerDDPM],
) -> None:
    diffusion = GaussianDiffusion(linear_schedule(200))
    labels = torch.tensor([0, 1, 2, 1])
    x = sampler(diffusion).sample(
        EmpiricalDenoiser(diffusion, DATA, LABELS), (4, 1, 4, 4), model_kwargs={"y": labels}, seed=3
    )
    distances = (x.double()[:, None] - DATA).abs().flatten(2).amax(2)
    nearest, found = distances.min(1)
    assert float(nearest.max()) < 1e-5
    assert torch.equal(LABELS[found], labels)


@pytest.mark.parametrize("mean_type", list(ModelMeanType))
@pytest.mark.parametrize("t", [0, 3, 6, 9, 11])
def test_its_error_has_nothing_to_do_with_anything_that_can_be_seen_in_x_t(mean_type: ModelMeanType, t: int) -> None:
    """That makes it the best regression of the data set: the error of a conditional mean is uncorrelated with x_t."""
    diffusion = DIFFUSION.replace(model_mean_type=mean_type)
    x_start = DATA.repeat(200, 1, 1, 1)
    noise = torch.as_tensor(np.random.default_rng(1).normal(size=x_start.shape))
    x_t, at = diffusion.q_sample(x_start, t, noise), diffusion.schedule.level(t, x_start)
    output = diffusion.predict(EmpiricalDenoiser(diffusion, DATA), x_t, t).prediction
    error = diffusion.prediction.target(x_start, x_t, noise, at) - output
    for seen in (torch.ones_like(x_t), x_t, output, torch.sin(3.0 * x_t)):
        products = (error * seen).flatten(1).mean(1)
        standard_error = float(products.std()) / math.sqrt(len(products))
        assert abs(float(products.mean())) <= 4.0 * standard_error + 1e-12


def test_no_variance_has_a_smaller_bound_on_the_data_set() -> None:
    diffusion = DIFFUSION.replace(model_var_type=ModelVarType.LEARNED, loss_type=LossType.KL)
    oracle = EmpiricalDenoiser(diffusion, DATA)
    x_start = DATA.repeat(300, 1, 1, 1)
    noise = torch.as_tensor(np.random.default_rng(1).normal(size=x_start.shape))

    def loss(shift: float, t: int) -> Tensor:
        def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
            mean, log_variance = oracle(x, time).chunk(2, dim=1)
            return torch.cat([mean, log_variance + shift], dim=1)

        return diffusion.training_losses(network, x_start, t, noise=noise).loss

    for t in (6, 9, 11):
        for shift in (-0.2, 0.2):
            assert float((loss(shift, t) - loss(0.0, t)).mean()) > 0.0


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(SettingsError, match="weights: one number for each of the 27 states wanted"):
        EnumeratedDenoiser(DIFFUSION, STATES, PROBABILITIES[:3])
    with pytest.raises(SettingsError, match="labels: one number for each of the 9 data wanted"):
        EmpiricalDenoiser(DIFFUSION, DATA, LABELS[:3])
    with pytest.raises(SettingsError, match="some weight above 0"):
        EmpiricalDenoiser(DIFFUSION, DATA[:0])
