"""Conditional fields: a Gaussian random field, coarse to fine, whose conditional law is known exactly.

The law itself comes from covariances (``field_posterior``); draws come from a run that is told conditions, in the units
of the data, whose network is the exact denoiser.
"""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.data import Codec
from idm.diffusion import GaussianDiffusion, Shifted
from idm.oracles import ConditionedFieldDenoiser, GaussianFieldDenoiser, field_posterior, power_law
from idm.restoration import chance_of_flat, crps, crps_of_gaussian
from idm.run import DataSpec, Run
from idm.run.build import build_diffusion
from idm.run.condition_spec import ConditionSpec
from idm.schedules import cosine_schedule
from idm.settings import Experiment, from_plain

SIDE, FACTOR, DRAWS, CASES = 8, 4, 64, 130
COARSE = SIDE // FACTOR
SCALE, OFFSET, COARSE_SCALE, COARSE_OFFSET = 3.0, 20.0, 2.0, 15.0
"""Units of the data, and of conditions, per unit of the model's range, and what is 0 there."""

NOISE = 0.3
"""Deviation of the conditions' own noise, in units of the data."""

SPECTRUM = power_law((SIDE, SIDE), 3.0, 1.0)[None]


def means(blocks: int = COARSE, factor: int = FACTOR) -> Tensor:
    """Return the matrix that averages over square blocks of places, of flattened fields."""
    along = torch.eye(blocks, dtype=torch.float64).repeat_interleave(factor, 1) / factor
    return torch.kron(along, along)


class _Oracle(nn.Module):
    """The exact denoiser as a network of a run."""

    def __init__(self, oracle: ConditionedFieldDenoiser) -> None:
        super().__init__()
        self.oracle = oracle

    def forward(self, x: Tensor, time: Tensor, /, condition: Tensor) -> Tensor:
        return self.oracle(x, time, condition=condition)


@pytest.fixture(scope="module")
def run() -> Run:
    """A run on fields of unit variance in the model's range, told their means of 4 x 4 places with noise."""
    codec = Codec("float64", None, (OFFSET,), (SCALE,), bounded=False)
    of_condition = Codec("float64", None, (COARSE_OFFSET,), (COARSE_SCALE,), bounded=False)
    spec = DataSpec((1, SIDE, SIDE), codec, None, 0, 0, condition=ConditionSpec((1, COARSE, COARSE), of_condition))
    plain = {
        "schedule": {"name": "cosine", "num_timesteps": 200},
        "diffusion": {"prediction": "v", "variance": "fixed_small", "loss": "mse", "decoder_variance": "model"},
    }
    experiment = from_plain(Experiment, plain)
    diffusion = build_diffusion(experiment, spec)
    # In the model's range a condition is (SCALE A x + NOISE n) / COARSE_SCALE: both codecs take their offsets off.
    oracle = ConditionedFieldDenoiser(diffusion, SPECTRUM, means() * (SCALE / COARSE_SCALE), NOISE / COARSE_SCALE)
    return Run(
        Path("no-run"), None, 0, experiment, spec, _Oracle(oracle), diffusion, torch.device("cpu"), batch_size=4096
    )


@pytest.fixture(scope="module")
def cases() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Fields and their conditions in units of the data; mean and covariance of the fields given the conditions."""
    field = GaussianFieldDenoiser(GaussianDiffusion(cosine_schedule(10)), SCALE**2 * SPECTRUM)
    roots = torch.linalg.cholesky(field.covariance + 1e-12 * torch.eye(SIDE**2, dtype=torch.float64))
    rng = Rng.from_seed(5, CASES)
    fields = rng.normal("fields", 0, (SIDE**2,), torch.float64) @ roots.T
    seen = fields @ means().T + NOISE * rng.normal("noise", 0, (COARSE**2,), torch.float64)
    exact = [field_posterior(field, means(), one, NOISE) for one in seen]
    centre = torch.stack([one.mean for one in exact])
    return OFFSET + fields, COARSE_OFFSET + seen, OFFSET + centre, exact[0].covariance


@pytest.fixture(scope="module")
def draws(run, cases) -> Tensor:
    """64 draws for each condition."""
    conditions = cases[1].view(CASES, 1, COARSE, COARSE).repeat_interleave(DRAWS, 0).numpy()
    found = run.sample(condition=conditions, sampler=run.sampler(name="multistep", steps=20, spacing="linspace"))
    return torch.as_tensor(np.asarray(found)).double().view(CASES, DRAWS, -1)


def test_draws_for_conditions_score_as_the_exact_law_does(cases, draws):
    """The mean score within 1 % of that of the exact conditional law; that of the law without conditions is far off."""
    fields, _, centre, covariance = cases
    exact = crps_of_gaussian(fields, centre, covariance.diagonal().sqrt()).mean()
    found = crps(fields, draws).mean()
    assert abs(found / exact - 1) < 0.01
    blind = crps_of_gaussian(fields, torch.full_like(fields, OFFSET), torch.full((SIDE**2,), SCALE)).mean()
    assert blind > 1.2 * exact


def ranks(fields: Tensor, draws: Tensor) -> Tensor:
    """Rank truths among draws along one random direction each."""
    directions = Rng.from_seed(9, CASES).normal("directions", 0, (SIDE**2,), torch.float64)
    return ((draws * directions[:, None]).sum(2) < (fields * directions).sum(1)[:, None]).sum(1)


def test_truths_are_evenly_ranked_among_64_draws_for_their_conditions(cases, draws):
    """Chi-square over 13 bins of 5 ranks, 10 truths expected in each; draws that scatter too little are found out."""
    fields, _, centre, _ = cases
    assert chance_of_flat(ranks(fields, draws), DRAWS, 13) > 0.01
    narrow = centre[:, None] + 0.6 * (draws - centre[:, None])
    assert chance_of_flat(ranks(fields, narrow), DRAWS, 13) < 1e-3
    swapped = chance_of_flat(ranks(fields.roll(1, 0), draws), DRAWS, 13)
    assert swapped < 1e-3


def test_the_exact_denoiser_is_the_posterior_of_condition_and_noisy_field_together():
    """Bayes' rule once, with both seen at once: o = (A / s) x + n and x_t / sigma = (alpha / sigma) x + n."""
    diffusion = GaussianDiffusion(cosine_schedule(10))
    spectrum, matrix, noise = power_law((4, 4), 2.0, 0.8)[None], means(2, 2), 0.2
    oracle = ConditionedFieldDenoiser(diffusion, spectrum, matrix, noise)
    x, condition = (
        Rng.from_seed(seed, 2).normal("x", 0, shape, torch.float64) for seed, shape in ((1, (1, 4, 4)), (2, (1, 2, 2)))
    )
    at = diffusion.grid.level(6, x)
    found = oracle.x_start_moments(x, at, {"condition": condition})
    field = GaussianFieldDenoiser(diffusion, spectrum)
    both = torch.cat([matrix / noise, torch.eye(16, dtype=torch.float64) * (at.alpha / at.sigma).reshape(())])
    for row in range(2):
        seen = torch.cat([condition[row].flatten() / noise, x[row].flatten() / at.sigma.reshape(())])
        exact = field_posterior(field, both, seen, 1.0)
        torch.testing.assert_close(found.mean[row].flatten(), exact.mean, atol=1e-9, rtol=0)
        torch.testing.assert_close(found.variance[row].flatten(), exact.covariance.diagonal(), atol=1e-9, rtol=0)
    for wrong in ({}, {"y": condition}):
        with pytest.raises(SettingsError, match="a condition wanted"):
            oracle.x_start_moments(x, at, wrong)


def test_scores_are_those_of_the_closed_forms():
    """Of points 0 and 2 and the truth 1 both expectations are 1; of N(0, 1) at 0 it is (sqrt(2) - 1) / sqrt(pi)."""
    assert crps(torch.ones(1, 1), torch.tensor([[[0.0], [2.0]]])).tolist() == [0.0]
    assert crps(torch.full((1, 1), 5.0), torch.tensor([[[1.0], [1.0], [1.0]]])).tolist() == [4.0]
    at_mean = crps_of_gaussian(torch.zeros(1, 1), torch.zeros(1, 1), torch.full((1,), 3.0))
    torch.testing.assert_close(
        at_mean, torch.tensor([3 * (math.sqrt(2) - 1) / math.sqrt(math.pi)]).double(), rtol=1e-6, atol=0
    )
    drawn = Rng.from_seed(0, 4000).normal("x", 0, (64, 1), torch.float64)
    truths = Rng.from_seed(1, 4000).normal("x", 0, (1,), torch.float64)
    exact = crps_of_gaussian(truths, torch.zeros(4000, 1), torch.ones(1)).mean()
    torch.testing.assert_close(crps(truths, drawn).mean(), exact, rtol=0.02, atol=0)
    with pytest.raises(SettingsError, match="at least 2"):
        crps(truths, drawn[:, :1])


def test_the_chance_of_flat_ranks_is_that_of_chi_square():
    """Of counts 5 and 15 where 10 are expected the distance is 5, with one degree of freedom: erfc(sqrt(2.5))."""
    found = chance_of_flat(torch.tensor([0.0] * 5 + [3.0] * 15), 3, 2)
    assert math.isclose(found, math.erfc(math.sqrt(2.5)), rel_tol=1e-9)
    assert chance_of_flat(torch.arange(64.0) % 4, 3, 4) == 1.0
    with pytest.raises(SettingsError, match="divisor of 4"):
        chance_of_flat(torch.zeros(3), 3, 3)


def test_a_mean_and_a_denoiser_of_residuals_are_a_denoiser_of_the_whole():
    """E[x_0 | x_t, c] = K c + E[r | x_t - alpha K c], with the variances of residuals: Gaussians are shifted."""
    diffusion = GaussianDiffusion(cosine_schedule(10))
    oracle = ConditionedFieldDenoiser(diffusion, power_law((4, 4), 2.0, 0.8)[None], means(2, 2), 0.2)
    x, condition = (
        Rng.from_seed(seed, 3).normal("x", 0, shape, torch.float64) for seed, shape in ((1, (1, 4, 4)), (2, (1, 2, 2)))
    )
    whole = oracle.denoiser({"condition": condition})
    of_residuals = oracle.denoiser({"condition": torch.zeros_like(condition)})
    shifted = Shifted(of_residuals, oracle.mean(condition))
    for place in (0, 4, 9):
        at = diffusion.grid.level(place, x)
        found, exact = shifted(x, at), whole(x, at)
        torch.testing.assert_close(found.x_start, exact.x_start, atol=1e-12, rtol=0)
        torch.testing.assert_close(found.raw, exact.raw, atol=1e-12, rtol=0)
        torch.testing.assert_close(found.variance, exact.variance, atol=1e-12, rtol=0)
        one = torch.tensor([2])
        torch.testing.assert_close(shifted.select(one)(x[one], at).x_start, found.x_start[one], atol=1e-12, rtol=0)
