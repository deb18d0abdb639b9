"""The quick share of ``idm check-math posterior``, and that it would notice what is wrong."""

import math
from dataclasses import replace
from statistics import NormalDist

import pytest
import torch
from torch import Tensor

from idm.oracles import LevyPosterior
from idm.proof import Proof, Restored, check_posterior
from idm.proof.cases import Case, Draws, process
from idm.proof.known import FieldData, GaussianData, Known, MixtureData, PlaneData, WalkData
from idm.proof.restored import compared


@pytest.fixture(scope="module")
def quick() -> Proof[Restored]:
    return check_posterior(quick=True)


def test_methods_that_are_exact_for_gaussian_data_draw_from_the_posterior(quick: Proof[Restored]) -> None:
    assert [one for one in quick.measured if not one.holds] == []
    assert {one.method for one in quick.measured if one.is_claimed} == {
        "PiGDM",
        "TMPD, full covariance",
        "TDS, 16 particles",
    }
    headings, *rows = quick.summary
    assert [row[0] for row in rows] == list(dict.fromkeys(one.method for one in quick.measured))
    assert headings[3:] == ("Gaussian", "what it gets wrong")
    assert all(row[-1] for row in rows)


def test_those_that_are_not_are_told_from_it(quick: Proof[Restored]) -> None:
    by_name = {one.method: one for one in quick.measured if one.view == "mask"}
    assert by_name["none"].distance > 3 * by_name["none"].floor
    assert by_name["DPS"].held is not None
    assert by_name["DPS"].held < 0.85
    assert by_name["none"].mean_error > 5 * by_name["none"].mean_floor


def test_calls_and_products_with_derivatives_are_counted(quick: Proof[Restored]) -> None:
    """40 steps; a mask of 8 values of 16 wants a product for each of them, and one to guide, of levels up to kappa = 5.

    These are 30: kappa = 0.05 400^(i / 39) is at most 5 for i up to 39 log(100) / log(400) = 29.98.
    """
    by_name = {one.method: one for one in quick.measured if one.view == "mask"}
    assert (by_name["none"].calls, by_name["none"].backward) == (40, 0)
    assert by_name["DDNM, 5 times"].calls == 39 * 5 + 1
    assert (by_name["TMPD, full covariance"].calls, by_name["TMPD, full covariance"].backward) == (40, 30 * 9)
    assert (by_name["PiGDM"].backward, by_name["DPS"].backward) == (30, 30)
    assert by_name["TDS, 16 particles"].calls == 40 * 16


MASKED = Case(GaussianData(), "mask", GaussianData.views["mask"], 3, 399)


def narrowed(width: float, shift: float = 0.0) -> Restored:
    """Draws whose distance from their mean is changed, which theory calls exact."""
    samples = MASKED.mean[:, None] + width * (MASKED.exact_again - MASKED.mean[:, None]) + shift
    return compared("", MASKED, Draws(samples, 1.0, 0.0), is_exact=True)


def test_exact_draws_hold_and_others_do_not() -> None:
    exact = narrowed(1.0)
    assert exact.holds
    assert exact.distance == pytest.approx(exact.floor)
    narrow, wide, shifted = narrowed(0.8), narrowed(1.25), narrowed(1.0, shift=0.2)
    assert [narrow.holds, wide.holds, shifted.holds] == [False, False, False]
    normal = NormalDist()
    for found, width in ((exact, 1.0), (narrow, 0.8), (wide, 1.25)):
        for level, held in zip((0.5, 0.9, 0.99), found.coverage, strict=True):
            wanted = 2.0 * normal.cdf(normal.inv_cdf(0.5 + 0.5 * level) * width) - 1.0
            assert held == pytest.approx(wanted, abs=0.025)
    # A shift of 0.2 in values of standard deviation 0.257 (seen) and 0.5 (unseen)
    std = math.sqrt(0.5 * (0.25 * 0.09 / 0.34 + 0.25))
    assert shifted.mean_error == pytest.approx(0.2 / std, rel=0.1)
    assert replace(narrow, is_exact=False).holds


@pytest.mark.parametrize("data", [GaussianData(), FieldData(), MixtureData(), PlaneData(), WalkData()])
def test_the_denoiser_and_the_posterior_are_of_the_same_data(data: Known) -> None:
    """What a denoiser says of x_t is the mean of the posterior given all values, seen through noise of kappa."""
    diffusion = process(data, 3)
    level = diffusion.grid.level(1, torch.zeros(1, dtype=torch.float64))
    x = data.draw(1, 5)
    y = x + level.kappa * torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = data.oracle(diffusion).denoiser()(level.alpha * y, level)
    answer = data.posterior(torch.eye(x.numel(), dtype=torch.float64), y.flatten(), float(level.kappa))
    tolerance = 1e-9
    if isinstance(answer, LevyPosterior):  # whose mean is one of chains: four times as long, its error is half as large
        answer, tolerance = replace(answer, sweeps=4 * answer.sweeps), 0.06
    torch.testing.assert_close(found.x_start.flatten(), answer.mean, rtol=0, atol=tolerance)


@pytest.mark.parametrize("data", [FieldData(), MixtureData(), PlaneData(), WalkData()])
def test_draws_given_what_is_observed_have_the_mean_of_the_posterior(data: Known) -> None:
    name = next(iter(data.views))
    case = Case(data, name, data.views[name], 1, 300)
    for draws in (case.exact[0], case.exact_again[0]):
        error: Tensor = (draws.mean(0) - case.mean[0]) / (draws.std(0) / 300**0.5)
        assert float(error.abs().max()) < 4.5
    assert not torch.equal(case.exact, case.exact_again)


def test_the_variance_of_the_process_is_that_of_gaussian_data() -> None:
    """m(kappa) = v kappa^2 / (v + kappa^2) for values of variance v: ancestral sampling is then exact."""
    diffusion = process(GaussianData(), 5)
    at = diffusion.grid.transition(3, torch.zeros(1, dtype=torch.float64))
    kappa = float(at.up.kappa)
    wanted = at.posterior_variance + at.posterior_mean_coef1**2 * 0.25 * kappa**2 / (0.25 + kappa**2)
    found = diffusion.variance.std(None, at).square()
    torch.testing.assert_close(found, wanted.to(found), rtol=1e-6, atol=0)
