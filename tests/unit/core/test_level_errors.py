"""By how much errors on training data are below those on held-out data."""

import math

import pytest
import torch

from idm.core.level_errors import LevelErrors, memorised

KAPPA = torch.tensor([0.01, 0.5, 2.0, 80.0]).double()


def errors(*rows: list[float], optimum: list[float] | None = None) -> LevelErrors:
    x = torch.tensor(rows).double()
    return LevelErrors(KAPPA, x, optimum=None if optimum is None else torch.tensor([optimum] * len(x)).double())


def test_shares_are_of_the_held_out_error_at_levels_that_tell_of_memorisation() -> None:
    held_out = errors([9.0, 2.0, 5.0, 9.0], [9.0, 6.0, 15.0, 9.0])  # means 4 and 10 at the two levels between
    training = errors([1.0, 1.0, 5.0, 1.0], [1.0, 3.0, 10.0, 1.0], optimum=[0.0, 0.4, 2.0, 0.0])
    found = memorised(training, held_out)
    # Relative errors: 0.25 and 0.5, mean 0.375; 0.75 and 1, mean 0.875.
    assert found.share.mean == pytest.approx(1.0 - 0.625)
    # Theirs: 0.5 and 0.5, 1.5 and 1.5.
    assert found.share.standard_error == pytest.approx(math.hypot(0.25, 0.5))
    assert found.excess is not None
    # Above the optimum: 0.15 and 0.3; 0.65 and 0.8.
    assert found.excess.mean == pytest.approx((0.225 + 0.725) / 2)


def test_samples_like_any_others_have_none_memorised_and_no_optimum_no_excess() -> None:
    held_out = errors([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    found = memorised(held_out, held_out)
    assert found.share.mean == pytest.approx(0.0, abs=1e-12)
    assert found.excess is None


def test_where_no_level_is_between_all_are_taken() -> None:
    far = torch.tensor([20.0, 80.0]).double()
    training, held_out = (LevelErrors(far, torch.tensor([[a, a], [a, a]]).double()) for a in (1.0, 4.0))
    assert memorised(training, held_out).share.mean == pytest.approx(0.75)


def test_the_error_of_the_noise_is_that_of_x_0_over_kappa_squared() -> None:
    torch.testing.assert_close(errors([1.0, 1.0, 1.0, 1.0]).eps, (1.0 / KAPPA**2)[None])
