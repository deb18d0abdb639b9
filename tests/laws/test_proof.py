"""The quick shares of ``idm check-math``, and that they would notice what is wrong."""

from dataclasses import replace

import pytest
import torch

from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.oracles import ExactDenoiser
from idm.proof import check_samplers
from idm.proof.flows import (
    HIGHEST_RATIO,
    LOWEST_RATIO,
    START,
    Flow,
    FollowedFlow,
    GaussianFlow,
    MixtureFlow,
    runge_kutta,
)
from idm.proof.measured import Measured
from idm.proof.orders import grid_of, measured_order
from idm.proof.solvers import DETERMINISTIC, STOCHASTIC
from idm.proof.weak import end_moments, measured_weak_order
from idm.samplers import SamplerDDPM


def test_every_sampler_is_of_its_order() -> None:
    found = check_samplers(quick=True)
    assert [one for one in found.measured if not one.holds] == []
    assert len(found.measured) == len(DETERMINISTIC) + len(STOCHASTIC)


@pytest.mark.parametrize("wrong", [{"order": 2}, {"order": 0}])
def test_another_order_than_that_of_the_sampler_does_not_hold(
    wrong: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idm.proof.measured.MOST_STEPS", 200)
    monkeypatch.setattr("idm.proof.measured.LARGEST_ERROR", 0.5)
    ddim, ancestral = replace(DETERMINISTIC[0], **wrong), replace(STOCHASTIC[0], **wrong)
    assert not measured_order(ddim, GaussianFlow(), "rho", exact=True).holds
    if wrong["order"] > 1:
        assert not measured_weak_order(ancestral, GaussianFlow(), "rho").holds


def measured(*errors: float, spread: float = 0.0, at_least: bool = False) -> Measured:
    numbers = tuple(24 * 2**place for place in range(len(errors)))
    return Measured("", "", "", "", 2, at_least, calls=1, num_steps=numbers, errors=errors, spread=spread)


def test_slopes_are_those_of_errors_between_rounding_and_steps_that_are_too_long() -> None:
    assert measured(1e-3, 2.5e-4, 6.25e-5, 1.5625e-5).slopes == pytest.approx((2.0, 2.0, 2.0))
    assert measured(1e-3, 2.5e-4, 6.25e-5, 1.5625e-5).holds
    assert not measured(1e-3, 2.5e-4, 6.25e-5).holds
    assert not measured(4e-2, 1e-3, 2.5e-4, 6.25e-5).holds
    assert not measured(1e-3, 2.5e-4, 6.25e-5, 1e-12).holds
    assert not measured(1e-3, 2.5e-4, 6.25e-5, 1.5625e-5, spread=1e-6).holds
    third = (1e-3, 1.25e-4, 1.5625e-5, 1.953125e-6)
    assert not measured(*third).holds
    assert measured(*third, at_least=True).holds


def test_the_reference_of_the_mixture_finds_the_flow_of_a_gaussian_too() -> None:
    class Followed(FollowedFlow):
        def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
            return GaussianFlow().oracle(diffusion)

    torch.testing.assert_close(Followed().state(LOWEST_RATIO), GaussianFlow().state(LOWEST_RATIO), rtol=0, atol=1e-11)


def test_runge_kutta_is_of_fourth_order() -> None:
    # dy / ds = -y^2 has the solution y / (1 + s y)
    y, exact = torch.tensor(1.0, dtype=torch.float64), 1.0 / 3.0
    first, second = (abs(float(runge_kutta(lambda _, y: -(y**2), y, 2.0, steps)) - exact) for steps in (40, 80))
    assert first / second == pytest.approx(16.0, rel=0.05)


def test_moments_of_a_step_are_those_of_bayes_rule() -> None:
    """p(x_down | x_up) of ancestral sampling has mean c1 x_0(x) + c2 x and the posterior variance."""
    diffusion = GaussianDiffusion(grid_of("chain", "rho", 1), model_var_type=ModelVarType.FIXED_SMALL)
    flow, at = GaussianFlow(), diffusion.grid.transition(1, START)
    share = at.up.alpha * flow.variance / (at.up.alpha**2 * flow.variance + at.up.sigma**2)
    gain = at.posterior_mean_coef1 * share + at.posterior_mean_coef2
    shift = at.posterior_mean_coef1 * (1.0 - share * at.up.alpha) * flow.mean
    mean, variance = torch.tensor([0.4, -2.0]).double(), torch.tensor([1.5, 0.1]).double()
    found = end_moments(SamplerDDPM(diffusion, clip_denoised=False), flow, mean, variance)
    torch.testing.assert_close(found[0], gain * mean + shift, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[1], gain**2 * variance + at.posterior_variance, rtol=1e-12, atol=1e-12)


def test_levels_of_the_flow_begin_and_end_where_they_should() -> None:
    flow: Flow
    for flow in (GaussianFlow(), MixtureFlow()):
        torch.testing.assert_close(flow.state(HIGHEST_RATIO), START, rtol=1e-12, atol=1e-12)
