"""Exact posteriors of Lévy walks under linear observations, drawn by Gibbs sampling.

Every row is a chain of its own, started in the prior, of which the last state is kept: draws are independent of each
other, and their distribution is the posterior but for what a chain still remembers of its start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Annotated, final

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor

from idm.core.limits import refuse_out_of_range
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng
from idm.core.types import Images
from idm.oracles.increments import Evidence, Increments

USUAL_SWEEPS, CHAINS = 300, 400


@final
@dataclass(frozen=True, eq=False)
class LevyPosterior:
    """Walks x [c, length] given values = matrix x + noise n.

    Attributes:
        law: of the increments.
        shape: c and length.
        matrix: of the observation, float64.
        values: what was observed.
        noise: standard deviation, above 0.
        sweeps: of a chain.
    """

    law: Increments
    shape: tuple[int, int]
    matrix: Float[Tensor, "m d"]
    values: Float[Tensor, " m"]
    noise: Annotated[float, Gt(0)]
    sweeps: Annotated[int, Ge(1)] = USUAL_SWEEPS

    def __post_init__(self) -> None:
        """Refuse what this sampler cannot draw.

        Raises:
            SettingsError: no noise, or no sweeps.
        """
        refuse_out_of_range(type(self), vars(self))

    def draw(self, number: int, seed: int = 0, listener: Listener = SILENT) -> Images:
        """Draw walks [number, c, length], each with a chain of its own; chain i has seed + i."""
        increments = torch.empty(0)
        with listener.follow("Gibbs", self.sweeps, unit="sweeps") as bar:
            for _, latest in self._states(number, seed):
                increments = latest
                bar.advance()
        return self._walks(increments)

    @property
    def mean(self) -> Float[Tensor, " d"]:
        """An estimate: that given latent variances is known, and averaged over the last half of ``CHAINS`` chains."""
        return self._mean

    @cached_property
    def _mean(self) -> Tensor:
        states = islice(self._states(CHAINS, 0), self.sweeps // 2, None)
        means = [mean_increments(variances, self._seen).mean(0, keepdim=True) for variances, _ in states]
        return self._walks(torch.cat(means).mean(0, keepdim=True)).flatten()

    def _states(self, number: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield latent variances and increments [number, d] after each sweep."""
        rng, seen = Rng.from_seed(seed, number), self._seen
        variances = self.law.first_variances(rng, self.matrix.shape[1])
        increments = draw_increments(variances, seen, rng, 0)
        for sweep in range(1, self.sweeps + 1):
            variances = self.law.next_variances(variances, increments, seen, rng, sweep)
            increments = draw_increments(variances, seen, rng, sweep)
            yield variances, increments

    def _walks(self, increments: Tensor) -> Images:
        return increments.view(-1, *self.shape).cumsum(-1)

    @cached_property
    def _seen(self) -> Evidence:
        """The same of increments: each is part of all places from its own on."""
        by_place = self.matrix.double().unflatten(1, self.shape)
        return Evidence(by_place.flip(-1).cumsum(-1).flip(-1).flatten(1), self.values.double()[None], self.noise)


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
    missing = seen.values - prior @ seen.matrix.T - noise
    return prior + mean_increments(variances, replace(seen, values=missing))


def mean_increments(variances: Tensor, seen: Evidence) -> Tensor:
    """Mean [b, d] of increments N(0, diag(variances)) given what is seen."""
    values = seen.values.expand(len(variances), -1)[..., None]
    solved = torch.cholesky_solve(values, seen.root(variances))[..., 0]
    return variances * (solved @ seen.matrix)
