"""How the last step scores data."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from idm.core.gaussian import Gaussian
from idm.diffusion import ContinuousDecoder, DiscretizedDecoder

MEAN, STD = 0.1, 0.2
X = torch.tensor([[-1.0, -0.5, 0.0, 0.5, 1.0]]).double()
REVERSE = Gaussian(torch.full_like(X, MEAN), torch.full_like(X, 2.0 * math.log(STD)))


def test_a_continuous_decoder_is_a_log_density() -> None:
    ours = ContinuousDecoder().log_likelihood(X, REVERSE).numpy()
    np.testing.assert_allclose(ours, stats.norm.logpdf(X.numpy(), MEAN, STD), rtol=1e-12)


def test_a_discretised_decoder_is_the_mass_of_the_bin_of_its_own_number_of_levels() -> None:
    ours = DiscretizedDecoder(levels=5).log_likelihood(X, REVERSE).exp().numpy()
    edges = np.array([-np.inf, -0.75, -0.25, 0.25, 0.75, np.inf])
    np.testing.assert_allclose(ours[0], np.diff(stats.norm.cdf(edges, MEAN, STD)), rtol=1e-9)


def test_the_default_is_8_bit_data_scored_exactly() -> None:
    assert DiscretizedDecoder() == DiscretizedDecoder(levels=256, reference_cdf=False)


@pytest.mark.parametrize("levels", [256, 65536])
def test_fine_levels_score_as_the_density_times_the_width_of_a_bin(levels: int) -> None:
    inner = X[:, 1:4]
    reverse = Gaussian(REVERSE.mean[:, 1:4], REVERSE.log_variance[:, 1:4])
    grid = ((inner + 1.0) * (levels - 1) / 2.0).round() * 2.0 / (levels - 1) - 1.0
    ours = DiscretizedDecoder(levels).log_likelihood(grid, reverse)
    expected = ContinuousDecoder().log_likelihood(grid, reverse) + math.log(2.0 / (levels - 1))
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-3)
