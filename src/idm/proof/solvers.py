"""The samplers whose orders are measured, with the order that theory says."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from idm.diffusion import GaussianDiffusion
from idm.samplers import MultistepRule, Sampler, SamplerDDIM, SamplerDDPM, SamplerHeun, SamplerMultistep

Make = Callable[[GaussianDiffusion], Sampler]


@dataclass(frozen=True)
class Solver:
    """A sampler with its options.

    Attributes:
        name: what it is known as.
        make: builds it.
        order: by how many powers of two the error falls as the number of steps doubles, from an exact start.
        ordinary: the same where the first steps know fewer values, at least.
        calls: of the network, a step.
    """

    name: str
    make: Make
    order: int
    ordinary: int
    calls: int = 1


def _multistep(**options: object) -> Make:
    return partial(SamplerMultistep, clip_denoised=False, **options)


def _predictor(order: int, rule: MultistepRule = MultistepRule.UNIPC) -> Make:
    return _multistep(order=order, corrector=False, rule=rule)


DETERMINISTIC = (
    Solver("DDIM", partial(SamplerDDIM, clip_denoised=False), 1, 1),
    Solver("DPM-Solver++(2M)", _predictor(2), 2, 2),
    Solver("DPM-Solver++(3M), corrected", _predictor(3), 3, 2),
    Solver("DPM-Solver++(3M), as published", _predictor(3, MultistepRule.DPMPP), 2, 2),
    Solver("DEIS-2", _predictor(2, MultistepRule.DEIS), 2, 2),
    Solver("DEIS-3", _predictor(3, MultistepRule.DEIS), 3, 2),
    Solver("exponential, 4 values", _predictor(4, MultistepRule.EXPONENTIAL), 4, 2),
    Solver("UniPC-1", _multistep(order=1), 2, 2),
    Solver("UniPC-2", _multistep(order=2), 3, 3),
    Solver("UniPC-3", _multistep(order=3), 4, 3),
    Solver("Heun", partial(SamplerHeun, clip_denoised=False), 2, 2, calls=2),
)
"""Those that follow the flow."""

STOCHASTIC = (
    Solver("DDPM", partial(SamplerDDPM, clip_denoised=False), 1, 1),
    Solver("DDIM, eta 1", partial(SamplerDDIM, clip_denoised=False, eta=1.0), 1, 1),
    Solver("SA-Solver, tau 1, 1 value", _multistep(order=1, corrector=False, tau=1.0), 1, 1),
    Solver("SA-Solver, tau 1, 2 values", _multistep(order=2, corrector=False, tau=1.0), 2, 2),
    Solver("Heun, churn 20", partial(SamplerHeun, clip_denoised=False, churn=20.0), 2, 2, calls=2),
)
"""Those that draw noise; the order is that of mean and covariance."""
