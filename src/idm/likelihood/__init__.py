"""Likelihood of data under a diffusion model."""

from idm.likelihood.bound import VLB, Estimate, calc_bpd_loop
from idm.likelihood.calibration import fit_decoder_log_variance, with_decoder_log_variance
from idm.likelihood.estimate import estimate_bpd

__all__ = ["VLB", "Estimate", "calc_bpd_loop", "estimate_bpd", "fit_decoder_log_variance", "with_decoder_log_variance"]
