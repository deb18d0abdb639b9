"""Weightings of the squared error, from their papers' formulas for eps, v and x_0."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import EDM, P2, GaussianDiffusion, MinSNR, ModelMeanType, OfPrediction, Sigmoid, XStartWeighting
from idm.schedules import Flow, Grid, PathGrid, cosine_schedule

GRIDS: dict[str, Grid] = {"cosine": cosine_schedule(50), "flow": PathGrid(Flow(), np.linspace(0.02, 0.95, 20))}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def weight(weighting: XStartWeighting, kind: ModelMeanType, grid: Grid) -> Tensor:
    """On the error of a prediction, at all levels."""
    return OfPrediction(GaussianDiffusion(grid, model_mean_type=kind).prediction, weighting)(grid.levels)


OF_EPS: dict[str, tuple[XStartWeighting, Callable[[float], float]]] = {
    "min_snr": (MinSNR(), lambda snr: min(snr, 5.0) / snr),  # Hang et al. 2023, eq. 8
    "min_snr 1": (MinSNR(gamma=1.0), lambda snr: min(snr, 1.0) / snr),
    "p2": (P2(), lambda snr: 1.0 / (1.0 + snr)),  # Choi et al. 2022, eq. 8
    "p2 of 0.5": (P2(k=2.0, gamma=0.5), lambda snr: (2.0 + snr) ** -0.5),
    "sigmoid": (Sigmoid(), lambda snr: 1.0 / (1.0 + math.exp(math.log(snr) - 2.0))),  # Kingma & Gao 2023
    "sigmoid -3": (Sigmoid(bias=-3.0), lambda snr: 1.0 / (1.0 + math.exp(math.log(snr) + 3.0))),
}


@every_grid
@pytest.mark.parametrize(("weighting", "expected"), OF_EPS.values(), ids=OF_EPS)
def test_weights_of_the_error_of_eps_are_those_of_the_papers(
    weighting: XStartWeighting, expected: Callable[[float], float], grid: Grid
) -> None:
    ours = weight(weighting, ModelMeanType.EPSILON, grid).tolist()
    assert ours == pytest.approx([expected(kappa**-2) for kappa in grid.levels.kappa.tolist()], rel=1e-9)


def test_min_snr_of_v_is_divided_by_snr_plus_1_and_of_x_start_by_nothing() -> None:
    grid = GRIDS["cosine"]
    snr = grid.levels.kappa**-2
    limited = snr.clamp(max=5.0)
    torch.testing.assert_close(weight(MinSNR(), ModelMeanType.V, grid), limited / (snr + 1.0), rtol=1e-9, atol=0)
    torch.testing.assert_close(weight(MinSNR(), ModelMeanType.START_X, grid), limited, rtol=1e-9, atol=0)


@every_grid
def test_edm_is_1_on_the_output_of_its_preconditioned_network(grid: Grid) -> None:
    """x_0 = c_skip y + c_out F, c_out = kappa sigma_data / sqrt(kappa^2 + sigma_data^2) (Karras et al., table 1)."""
    kappa, deviation = grid.levels.kappa, 0.3
    c_out = kappa * deviation / (kappa**2 + deviation**2).sqrt()
    torch.testing.assert_close(EDM(sigma_data=deviation)(grid.levels) * c_out**2, torch.ones_like(kappa))


def test_edm_with_data_of_deviation_1_is_unweighted_v() -> None:
    ones = weight(EDM(sigma_data=1.0), ModelMeanType.V, GRIDS["cosine"])
    torch.testing.assert_close(ones, torch.ones_like(ones))


@dataclass(frozen=True)
class Constant:
    """A network that returns one thing."""

    output: Tensor

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return self.output


@every_grid
def test_the_loss_of_a_weighted_objective_is_the_same_for_every_prediction(grid: Grid) -> None:
    """All see one x_0 hat: their own errors differ, and their weighted errors do not."""
    x_start, noise = (torch.as_tensor(np.random.default_rng(i).normal(size=(4, 3))) for i in range(2))
    losses: list[Tensor] = []
    for kind in (ModelMeanType.EPSILON, ModelMeanType.V, ModelMeanType.START_X):
        plain = GaussianDiffusion(grid, model_mean_type=kind)
        places = torch.tensor([0, 3, 9, 15])
        at = grid.level(places, x_start)
        x_t = at.diffuse(x_start, noise)
        guessed = 0.7 * x_start - 0.1
        output = plain.prediction.target(guessed, x_t, at.eps(x_t, guessed), at)
        weighting = OfPrediction(plain.prediction, MinSNR())
        objective = type(plain.objective)(True, 1.0, False, weighting)
        found = plain.replace(loss_type=objective).training_losses(Constant(output), x_start, places, noise=noise)
        losses.append(found.loss)
    snr = grid.levels.kappa[[0, 3, 9, 15]] ** -2
    expected = snr.clamp(max=5.0) * ((0.3 * x_start + 0.1) ** 2).mean(1)
    for loss in losses:
        torch.testing.assert_close(loss, expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MinSNR(gamma=0.0), "gamma: a number > 0 wanted, got 0.0"),
        (lambda: P2(k=-1.0), "k: a number > 0 wanted, got -1.0"),
        (lambda: P2(gamma=0.0), "gamma: a number > 0 wanted, got 0.0"),
        (lambda: EDM(sigma_data=0.0), "sigma_data: a number > 0 wanted, got 0.0"),
    ],
)
def test_numbers_that_are_not_positive_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make()
    assert caught.value.lines == (said,)
