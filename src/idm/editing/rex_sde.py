"""The stochastic sampler by a reversible solver, its noise by seeds (Rex: Blasingame & Liu 2026)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from annotated_types import Ge, Le

from idm.editing.reversible import ReversibleInversion


@final
@dataclass(frozen=True)
class RexSDEInversion(ReversibleInversion):
    """Reversible exponential Heun solver of the SDE: exact, of strong order 1, four calls a step.

    With lambda = -log kappa nothing moves u = x exp(tau^2 lambda) / sigma but x_0 and noise: du = (1 + tau^2)
    alpha / sigma exp(tau^2 lambda) x_0 dlambda + dW, and W has the clock exp(2 tau^2 lambda). What is coupled is u, and
    the increments of W come from seeds, so that they are the same both ways. The noise that samples were drawn from
    comes back, given both states. The SDE forgets where it came from: a code of data that it did not make has to make
    up for all of its noise, and is far larger than noise.

    Attributes:
        tau: share of noise; 1 is the SDE whose steps ancestral sampling takes, 0 the flow, coupled as x / sigma.
    """

    follows_flow: ClassVar[bool] = False
    tau: Annotated[float, Ge(0), Le(10)] = 1.0

    @property
    def noise_share(self) -> float:
        """As given."""
        return self.tau

    def carried(self, keep: float) -> float:
        """U stays as it is."""
        return keep
