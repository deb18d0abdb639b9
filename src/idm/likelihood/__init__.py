"""Likelihood of data under a diffusion model."""

from idm.core.estimate import Estimate
from idm.likelihood.bound import VLB, calc_bpd_loop, evaluate_bound
from idm.likelihood.calibration import estimate_error_curve, with_error_curve
from idm.likelihood.continuous import continuous_bound
from idm.likelihood.curves import Calibration, estimate_error_curves
from idm.likelihood.estimate import estimate_bpd
from idm.likelihood.flow import FlowLikelihood, flow_likelihood
from idm.likelihood.fractions import VarianceFractions, variance_fractions
from idm.likelihood.levels import level_errors, x_start_errors
from idm.likelihood.maps import MappedBound, map_bound
from idm.likelihood.pilot import StepProposal, fit_proposal
from idm.likelihood.planning import BoundByCurve
from idm.likelihood.sampled import SampledBound, sample_bound

__all__ = [
    "VLB",
    "BoundByCurve",
    "Calibration",
    "Estimate",
    "FlowLikelihood",
    "MappedBound",
    "SampledBound",
    "StepProposal",
    "VarianceFractions",
    "calc_bpd_loop",
    "continuous_bound",
    "estimate_bpd",
    "estimate_error_curve",
    "estimate_error_curves",
    "evaluate_bound",
    "fit_proposal",
    "flow_likelihood",
    "level_errors",
    "map_bound",
    "sample_bound",
    "variance_fractions",
    "with_error_curve",
    "x_start_errors",
]
