"""What a checkpoint's error curve may be, and what the process makes of it."""

import math

import pytest

from idm.diffusion import CalibratedDecoder, ErrorCurve, GaussianDiffusion
from idm.run.calibrate import CURVE, MOST_LEVELS, VARIANCE_OF_0_1, calibrated
from idm.schedules import linear_schedule

DIFFUSION = GaussianDiffusion(linear_schedule(30))
STORED = {"log_kappa": [-3.0, 1.0], "mean_squared_error": [0.01, 0.2], "standard_error": [0.001, None]}


def test_a_stored_curve_is_read():
    variance = calibrated(DIFFUSION, {CURVE: STORED}).variance
    assert variance == CalibratedDecoder(DIFFUSION.variance, ErrorCurve((-3.0, 1.0), (0.01, 0.2), (0.001, None)))


def test_a_fitted_value_of_version_0_1_is_the_error_at_the_lowest_level():
    variance = calibrated(DIFFUSION, {VARIANCE_OF_0_1: -4.0}).variance
    abar = DIFFUSION.schedule.alphas_cumprod[0]
    assert variance.curve.log_kappa == pytest.approx([0.5 * math.log((1 - abar) / abar)])
    assert variance.curve.mean_squared_error == pytest.approx([math.exp(-4.0)])


def test_nothing_stored_changes_nothing():
    assert calibrated(DIFFUSION, {}) is DIFFUSION


@pytest.mark.parametrize(
    "stored",
    [
        {CURVE: None},
        {CURVE: [1.0]},
        {CURVE: {**STORED, "log_kappa": None}},
        {CURVE: {**STORED, "log_kappa": ["-3", 1.0]}},
        {CURVE: {**STORED, "log_kappa": [True, 2.0]}},
        {CURVE: {**STORED, "log_kappa": [1.0, -3.0]}},
        {CURVE: {**STORED, "mean_squared_error": [0.2, 0.1]}},
        {CURVE: {**STORED, "mean_squared_error": [0.2]}},
        {CURVE: {**STORED, "mean_squared_error": [0.1, math.inf]}},
        {CURVE: {**STORED, "standard_error": [0.1, "0.1"]}},
        {CURVE: {**STORED, "standard_error": [-0.1, 0.1]}},
        {CURVE: {**STORED, "standard_error": [math.nan, 0.1]}},
        {CURVE: {**STORED, "log_kappa": [-1e300, 1.0]}},
        {CURVE: {**STORED, "mean_squared_error": [0.1, 1e300]}},
        {CURVE: {name: [0.0] * (MOST_LEVELS + 1) for name in STORED}},
        {VARIANCE_OF_0_1: "-4"},
        {VARIANCE_OF_0_1: 1000.0},
        {VARIANCE_OF_0_1: True},
    ],
)
def test_what_is_no_curve_is_refused(stored):
    with pytest.raises(ValueError, match=r"error.curve|decoder_log_variance"):
        calibrated(DIFFUSION, stored)
