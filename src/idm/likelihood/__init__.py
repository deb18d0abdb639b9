"""Likelihood of data under a diffusion model."""

from idm.core.estimate import Estimate
from idm.likelihood.bound import VLB, calc_bpd_loop, evaluate_bound
from idm.likelihood.calibration import estimate_error_curve, with_error_curve
from idm.likelihood.curves import Calibration, estimate_error_curves
from idm.likelihood.estimate import estimate_bpd
from idm.likelihood.fractions import VarianceFractions, variance_fractions
from idm.likelihood.planning import BoundByCurve

__all__ = [
    "VLB",
    "BoundByCurve",
    "Calibration",
    "Estimate",
    "VarianceFractions",
    "calc_bpd_loop",
    "estimate_bpd",
    "estimate_error_curve",
    "estimate_error_curves",
    "evaluate_bound",
    "variance_fractions",
    "with_error_curve",
]
