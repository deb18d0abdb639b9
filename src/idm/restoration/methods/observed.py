"""Putting what was observed into samples at any level."""

import torch
from torch import Tensor

from idm.core.types import Images
from idm.restoration.observation import Observation, over
from idm.restoration.operators.base import LinearOperator
from idm.schedules import Level


def agree(x: Images, observation: Observation) -> Images:
    """Return clean data with A x = o where o has no noise: x + A^+ (o - A x), the nearest such; else x."""
    if observation.noise > 0:
        return x
    assert isinstance(observation.operator, LinearOperator)
    return x + observation.operator.pseudo_inverse(observation.residual(x))


def replace_observed(x: Images, at: Level, observation: Observation, normal: Tensor) -> Images:
    """Replace what A sees of samples by the observation, brought to their level.

    x + A^+ (o_t - A x) with o_t ~ q(A x_t | o) as far as o determines it: alpha o + noise, of variance sigma^2 A A^T -
    alpha^2 s^2 I, since o has noise of its own. In directions in which o is noisier than x_t the sample stays.

    Args:
        x: samples.
        at: their level.
        observation: of a linear operator.
        normal: standard normal numbers of the observation's shape.
    """
    operator, o = observation.operator, observation.values
    assert isinstance(operator, LinearOperator)
    alpha, sigma = over(at.alpha, o), over(at.sigma, o)
    eigenvalues = operator.eigenvalues(o)
    left = sigma**2 * eigenvalues - alpha**2 * observation.variance
    wanted = alpha * operator.rotate(o) + left.clamp(min=0.0).sqrt() * normal
    change = torch.where(left >= 0, wanted - operator.rotate(operator.apply(x)), 0.0)
    return x + operator.pseudo_inverse(operator.rotate_back(change))
