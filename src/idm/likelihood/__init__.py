"""Likelihood of data under a diffusion model."""

from idm.likelihood.bound import VLB, Estimate, calc_bpd_loop, evaluate_bound
from idm.likelihood.calibration import estimate_error_curve, with_error_curve
from idm.likelihood.estimate import estimate_bpd

__all__ = [
    "VLB",
    "Estimate",
    "calc_bpd_loop",
    "estimate_bpd",
    "estimate_error_curve",
    "evaluate_bound",
    "with_error_curve",
]
