"""Twisted SMC draws from the posterior of a mixture, whatever guidance is wrong about; and resampling."""

import math

import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.oracles import MixtureDenoiser, mixture_posterior
from idm.restoration import (
    TDS,
    TMPD,
    CovarianceRule,
    Matrix,
    Observation,
    restore,
    restore_particles,
)
from idm.restoration.methods.particles import systematic
from idm.samplers import SamplerDDPM
from idm.schedules import cosine_schedule, spaced

CHAIN = cosine_schedule(1000)


def doubles(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


WEIGHTS = doubles(0.5, 0.3, 0.2)
MEANS = torch.tensor([[-1.2, -0.6], [1.2, 0.9], [0.3, -1.5]], dtype=torch.float64)
VARIANCES = doubles(0.09, 0.16, 0.04)


def sliced_distance(first: Tensor, second: Tensor, directions: int = 32) -> float:
    """Mean distance of the sorted projections on directions of the plane (sliced Wasserstein distance, order 1)."""
    angles = torch.arange(directions, dtype=torch.float64) * math.pi / directions
    lines = torch.stack([angles.cos(), angles.sin()])
    return float(((first @ lines).sort(0).values - (second @ lines).sort(0).values).abs().mean())


def test_twisted_particles_draw_from_the_posterior_where_guidance_chooses_wrong_modes() -> None:
    process = GaussianDiffusion(CHAIN, model_var_type=ModelVarType.FIXED_SMALL).respace(spaced(1000, 40))
    oracle, sampler = MixtureDenoiser(process, WEIGHTS, MEANS, VARIANCES), SamplerDDPM(process, clip_denoised=False)
    operator, systems, draws = Matrix((2,), torch.tensor([[1.0, 0.0]])), 6, 1020
    observation = Observation(operator, torch.zeros(systems, 1, dtype=torch.float64), 0.05)
    posterior = mixture_posterior(oracle, operator.dense(), observation.values[0], 0.05)
    exact, again = (posterior.draw(draws, seed=seed) for seed in (5, 10**6))
    floor = sliced_distance(exact, again)
    x = torch.zeros(systems, 2, dtype=torch.float64)
    cloud = restore_particles(sampler, oracle.denoiser(), observation, x, method=TDS(particles=256), seed=3)
    drawn = cloud.draw(draws // systems, Rng.from_seed(4, systems).uniform("draw")).flatten(0, 1)
    assert sliced_distance(drawn, exact) < floor + 0.02
    assert 0.3 < float(cloud.effective.mean()) <= 1.0
    noise = sampler.initial_noise((draws, 2)).double()
    known = observation.select(torch.zeros(draws, dtype=torch.int64))
    guided = restore(sampler, oracle.denoiser(), known, noise, method=TMPD())
    assert sliced_distance(guided, exact) > floor + 0.2


def test_differences_of_evidence_are_those_of_the_density_of_what_was_observed() -> None:
    """log p(o) of a mixture is log sum_k w_k N(o; A m_k, v_k A A^T + s^2 I); a component alone has weight 1."""
    process = GaussianDiffusion(CHAIN, model_var_type=ModelVarType.FIXED_SMALL).respace(spaced(1000, 100))
    sampler, operator, noise = SamplerDDPM(process, clip_denoised=False), Matrix((2,), torch.tensor([[1.0, 0.5]])), 0.3
    values = doubles(-1.0, 0.0, 0.4, 1.5)[:, None]
    observation, x = Observation(operator, values, noise), torch.zeros(4, 2, dtype=torch.float64)
    found, exact = [], []
    for weights in (doubles(1, 0, 0), doubles(0, 1, 0), doubles(0, 0, 1), WEIGHTS):
        kept = weights > 0
        oracle = MixtureDenoiser(process, weights[kept], MEANS[kept], VARIANCES[kept])
        method = TDS(particles=400, covariance=CovarianceRule.FULL)
        found.append(restore_particles(sampler, oracle.denoiser(), observation, x, method=method, seed=7).log_evidence)
        spread = (1.25 * VARIANCES[kept] + noise**2).sqrt()
        each = torch.distributions.Normal(MEANS[kept] @ doubles(1.0, 0.5), spread).log_prob(values)
        exact.append((each + weights[kept].log()).logsumexp(1))
    difference = torch.stack(found)[1:] - found[0] - (torch.stack(exact)[1:] - exact[0])
    assert float(difference.abs().max()) < 0.1
    assert float(difference.square().mean().sqrt()) < 0.05


def test_resampling_takes_each_particle_as_often_as_its_weight_says_but_for_less_than_one() -> None:
    weights = torch.rand(5, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = weights / weights.sum(1, keepdim=True)
    chosen = systematic(weights, doubles(0.0, 0.2, 0.5, 0.9, 0.999)[:, None], 60)
    counts = torch.stack([torch.bincount(rows, minlength=40) for rows in chosen])
    assert bool(((counts - 60 * weights).abs() < 1.0).all())


def test_resampling_is_without_bias() -> None:
    weights, places = doubles(0.15, 0.6, 0.25)[None], (torch.arange(1000, dtype=torch.float64)[:, None] + 0.5) / 1000
    chosen = systematic(weights.expand(1000, 3), places, 4)
    share = torch.bincount(chosen.flatten(), minlength=3) / 4000
    torch.testing.assert_close(share.double(), weights[0], rtol=0, atol=1e-3)
