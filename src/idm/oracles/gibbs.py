"""Exact posteriors of Lévy walks under linear observations, drawn by Gibbs sampling.

Every row is a chain of its own, started in the prior, of which the last state is kept: draws are independent of each
other, and their distribution is the posterior but for what a chain still remembers of its start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor

from idm.core.limits import refuse_out_of_range
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng
from idm.core.types import Images
from idm.oracles.increments import Evidence, Increments

USUAL_SWEEPS = 300


@dataclass(frozen=True)
class LevyPosterior:
    """Walks x [c, length] given values = matrix x + noise n.

    Attributes:
        law: of the increments.
        shape: c and length.
        matrix: of the observation [m, c length], float64.
        noise: standard deviation, above 0.
        sweeps: of a chain.
    """

    law: Increments
    shape: tuple[int, int]
    matrix: Float[Tensor, "m d"]
    noise: Annotated[float, Gt(0)]
    sweeps: Annotated[int, Ge(1)] = USUAL_SWEEPS

    def __post_init__(self) -> None:
        """Refuse what this sampler cannot draw.

        Raises:
            SettingsError: no noise, or no sweeps.
        """
        refuse_out_of_range(type(self), vars(self))

    def sample(self, values: Float[Tensor, "b m"], seed: int = 0, listener: Listener = SILENT) -> Images:
        """Draw one walk [b, c, length] for each row of values; repeat a row for more.

        Args:
            values: what is observed.
            seed: of the first row; the others have those that follow.
            listener: hears how it gets on.
        """
        increments = torch.empty(0)
        with listener.follow("Gibbs", self.sweeps, unit="sweeps") as bar:
            for _, latest in self._states(self._seen(values), seed):
                increments = latest
                bar.advance()
        return self._walks(increments)

    def mean(self, values: Float[Tensor, "b m"], seed: int = 0, num_chains: int = 50) -> Images:
        """Estimate E[x | values]: the mean given latent variances is known, and averaged over the last half of chains.

        Args:
            values: what is observed.
            seed: of the first chain.
            num_chains: for each row of values.
        """
        seen = self._seen(values.repeat_interleave(num_chains, dim=0))
        first, total = self.sweeps // 2, torch.zeros(len(seen.values), self.matrix.shape[1], dtype=torch.float64)
        for sweep, (variances, _) in enumerate(self._states(seen, seed)):
            if sweep >= first:
                total += mean_increments(variances, seen)
        return self._walks(total.unflatten(0, (-1, num_chains)).mean(1) / (self.sweeps - first))

    def _states(self, seen: Evidence, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield latent variances and increments [b, d] after each sweep."""
        rng = Rng.from_seed(seed, len(seen.values))
        variances = self.law.first_variances(rng, self.matrix.shape[1])
        increments = draw_increments(variances, seen, rng, 0)
        for sweep in range(1, self.sweeps + 1):
            variances = self.law.next_variances(variances, increments, seen, rng, sweep)
            increments = draw_increments(variances, seen, rng, sweep)
            yield variances, increments

    def _walks(self, increments: Tensor) -> Images:
        return increments.view(-1, *self.shape).cumsum(-1)

    def _seen(self, values: Tensor) -> Evidence:
        return Evidence(self._of_increments, values.double(), self.noise)

    @property
    def _of_increments(self) -> Tensor:
        """The matrix as it acts on increments: each is part of all places from its own on."""
        by_place = self.matrix.double().view(-1, *self.shape)
        return by_place.flip(-1).cumsum(-1).flip(-1).flatten(1)


def draw_increments(variances: Tensor, seen: Evidence, rng: Rng, sweep: int) -> Tensor:
    """Draw from N(0, diag(variances)) given what is seen: a draw of the prior, moved by its residual (Matheron's rule).

    Args:
        variances: of the increments [b, d].
        seen: what is observed of them.
        rng: random numbers.
        sweep: which ones.
    """
    prior = variances.sqrt() * rng.normal("increments", sweep, variances.shape[1:], torch.float64)
    noise = seen.noise * rng.normal("noise", sweep, seen.values.shape[1:], torch.float64)
    return prior + mean_increments(variances, replace(seen, values=seen.values - prior @ seen.matrix.T - noise))


def mean_increments(variances: Tensor, seen: Evidence) -> Tensor:
    """Mean [b, d] of increments N(0, diag(variances)) given what is seen."""
    solved = torch.cholesky_solve(seen.values[..., None], seen.root(variances))[..., 0]
    return variances * (solved @ seen.matrix)
