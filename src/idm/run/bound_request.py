"""Which bound of which samples is wanted, and what it may cost."""

from dataclasses import dataclass
from typing import TypedDict, final

from idm.core.counts import at_least, finite_number
from idm.core.errors import SettingsError
from idm.likelihood.flow import USUAL_FLOW_STEPS
from idm.likelihood.sampled import refuse_odd


class BoundOptions(TypedDict, total=False):
    """Options of ``BoundRequest``, where there is more to be asked for."""

    steps: int
    plan: str | None
    num: int
    budget: int
    target_se: float | None
    flow_steps: int
    seed: int
    batch_size: int
    maps: bool


@final
@dataclass(frozen=True)
class BoundRequest:
    """A bound that is wanted.

    Attributes:
        steps: of the chain whose bound is evaluated; 0: all.
        plan: which levels that chain has, in place of evenly spaced ones, such as "likelihood"; see ``Run.sampler``.
        num: how many held-out samples; 0: all.
        budget: calls of the network for each sample, an even number from 4 on: an estimate without bias; 0: every term
            of the bound, and 18 for that in continuous time.
        target_se: the same, from as many calls as it takes for steps and noise to leave this standard error, bits/dim,
            of the mean of the samples; None: every term. Each of the two bounds has a number of its own.
        flow_steps: of the solver, where the metric "flow" is measured, an even number.
        seed: of steps and noise: sample i has seed + i.
        batch_size: (sample, step) pairs per call of the network.
        maps: also say where in each sample its bits are; of every term of the bound.
    """

    steps: int = 0
    plan: str | None = None
    num: int = 0
    budget: int = 0
    target_se: float | None = None
    flow_steps: int = USUAL_FLOW_STEPS
    seed: int = 0
    batch_size: int = 512
    maps: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be.

        Raises:
            SettingsError: as said.
        """
        for name in ("steps", "num", "budget"):
            at_least(0, getattr(self, name), name)
        if at_least(2, self.flow_steps, "flow_steps") % 2:
            raise SettingsError(f"flow_steps: an even number wanted, got {self.flow_steps}")
        if self.budget:
            refuse_odd(self.budget, "budget")
        if self.maps and (self.budget or self.target_se is not None):
            raise SettingsError(
                "maps: every term of the bound wanted, got an estimate from a few of them; leave one of the two out"
            )
        if self.target_se is None:
            return
        if self.budget:
            raise SettingsError(
                f"target_se: it or a budget wanted, got {self.target_se} and {self.budget}; leave one of them out"
            )
        if finite_number(self.target_se, "target_se") <= 0.0:
            raise SettingsError(f"target_se: a number of bits/dim above 0 wanted, got {self.target_se}")
