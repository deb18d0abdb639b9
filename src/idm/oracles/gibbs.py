"""Exact posteriors of Lévy walks under linear observations, drawn by Gibbs sampling.

Every row is a chain of its own, started in the prior, of which the last state is kept: draws are independent of each
other, and their distribution is the posterior but for what a chain still remembers of its start.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
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
    noise: float
    sweeps: int = USUAL_SWEEPS

    def __post_init__(self) -> None:
        """Refuse what this sampler cannot draw.

        Raises:
            SettingsError: no noise.
        """
        if not self.noise > 0:
            raise SettingsError(f"noise: a deviation above 0 wanted by Gibbs sampling, got {self.noise}")

    def sample(self, values: Float[Tensor, "b m"], seed: int = 0, listener: Listener = SILENT) -> Images:
        """Draw one walk [b, c, length] for each row of values; repeat a row for more.

        Args:
            values: what is observed.
            seed: of the first row; the others have those that follow.
            listener: hears how it gets on.
        """
        seen = Evidence(self._of_increments, values.double(), self.noise)
        rng = Rng.from_seed(seed, len(values))
        variances = self.law.first_variances(rng, self.matrix.shape[1])
        increments = draw_increments(variances, seen, rng, 0)
        with listener.follow("Gibbs", self.sweeps, unit="sweeps") as bar:
            for sweep in range(1, self.sweeps + 1):
                variances = self.law.next_variances(variances, increments, seen, rng, sweep)
                increments = draw_increments(variances, seen, rng, sweep)
                bar.advance()
        return increments.view(-1, *self.shape).cumsum(-1)

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
    residual = (seen.values - prior @ seen.matrix.T - noise)[..., None]
    return prior + variances * (torch.cholesky_solve(residual, seen.root(variances))[..., 0] @ seen.matrix)
