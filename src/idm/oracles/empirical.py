"""The exact denoiser of a finite data set: what a network that memorises it perfectly would say."""

from collections.abc import Mapping
from typing import final

from torch import Tensor

from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.components import Components
from idm.schedules import Level


@final
class EmpiricalDenoiser(ExactDenoiser):
    """x_0 is any of the given samples, each as likely as the next.

    It is the minimiser of every regression loss on these samples, so that its loss at a step bounds the
    training loss of all networks from below, and sampling with it returns the samples themselves. One call costs
    n d operations per noisy sample. With labels, ``y`` restricts it to the samples of a class; a label that no
    sample has stands for no class.
    """

    def __init__(self, diffusion: GaussianDiffusion, data: Tensor, labels: Tensor | None = None) -> None:
        """Take the data set in.

        Args:
            diffusion: the process.
            data: the samples [n, c, *space], in the model range.
            labels: class of each sample, int64 [n]; None for data without classes.

        Raises:
            SettingsError: no samples, or not one label for each.
        """
        super().__init__(diffusion)
        points, weights = data.new_zeros(data.shape[0]), data.new_ones(data.shape[0])
        self.components = Components.checked("data", weights, data, points, labels)

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the posterior over samples."""
        return self.components.x_start_moments(x_t, at, conditioning)
