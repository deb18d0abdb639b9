"""The exact denoiser of data that take one of finitely many states."""

from collections.abc import Mapping
from typing import final

from torch import Tensor

from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.components import Components
from idm.schedules import Level


@final
class EnumeratedDenoiser(ExactDenoiser):
    """x_0 is state i with probability p_i.

    E[x_0 | x_t] = sum_i r_i states_i with r_i proportional to p_i exp(-|x_t - sqrt(abar) states_i|^2 /
    (2 (1 - abar))), by Bayes' rule. A few pixels of a few levels can be listed in full; their likelihood is
    then a sum, against which bounds can be held.
    """

    def __init__(self, diffusion: GaussianDiffusion, states: Tensor, probabilities: Tensor) -> None:
        """List the states.

        Args:
            diffusion: the process.
            states: every value that x_0 can take [n, c, *space], in the model range.
            probabilities: probability of each [n], at least 0; they are divided by their sum.

        Raises:
            SettingsError: tensors that describe no distribution.
        """
        super().__init__(diffusion)
        points = states.new_zeros(states.shape[0])
        self.components = Components.checked("states", probabilities, states, points, None)

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the posterior over states."""
        return self.components.x_start_moments(x_t, at, conditioning)
