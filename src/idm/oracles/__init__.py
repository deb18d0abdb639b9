"""Exact denoisers of distributions that are known: ground truth wherever a network is expected."""

from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.conditioned import ConditionedFieldDenoiser
from idm.oracles.empirical import EmpiricalDenoiser
from idm.oracles.enumerated import EnumeratedDenoiser
from idm.oracles.field import GaussianFieldDenoiser, power_law
from idm.oracles.gaussian import GaussianDenoiser
from idm.oracles.gibbs import LevyPosterior
from idm.oracles.increments import GaussianIncrements, Increments, JumpIncrements, LaplaceIncrements
from idm.oracles.levy import LevyDenoiser, draw_walks
from idm.oracles.mixture import MixtureDenoiser
from idm.oracles.posteriors import Posterior, field_posterior, gaussian_posterior, mixture_posterior

__all__ = [
    "ConditionedFieldDenoiser",
    "EmpiricalDenoiser",
    "EnumeratedDenoiser",
    "ExactDenoiser",
    "GaussianDenoiser",
    "GaussianFieldDenoiser",
    "GaussianIncrements",
    "Increments",
    "JumpIncrements",
    "LaplaceIncrements",
    "LevyDenoiser",
    "LevyPosterior",
    "MixtureDenoiser",
    "Moments",
    "Posterior",
    "draw_walks",
    "field_posterior",
    "gaussian_posterior",
    "mixture_posterior",
    "power_law",
]
