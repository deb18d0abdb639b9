"""Exact denoisers of distributions that are known: ground truth wherever a network is expected."""

from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.empirical import EmpiricalDenoiser
from idm.oracles.enumerated import EnumeratedDenoiser
from idm.oracles.gaussian import GaussianDenoiser
from idm.oracles.mixture import MixtureDenoiser
from idm.oracles.posteriors import Posterior, gaussian_posterior, mixture_posterior

__all__ = [
    "EmpiricalDenoiser",
    "EnumeratedDenoiser",
    "ExactDenoiser",
    "GaussianDenoiser",
    "MixtureDenoiser",
    "Moments",
    "Posterior",
    "gaussian_posterior",
    "mixture_posterior",
]
