"""The exact denoiser of a mixture of Gaussians."""

from collections.abc import Mapping
from typing import final

from torch import Tensor

from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.components import Components
from idm.schedules import Level


@final
class MixtureDenoiser(ExactDenoiser):
    """x_0 ~ sum_k weights_k N(means_k, variances_k I); formulas in ``Components``.

    With labels it is a class-conditional network: ``y`` [b] restricts each sample to the components of its
    class. A label that no component has stands for no class, as the null label of classifier-free guidance.
    """

    def __init__(
        self,
        diffusion: GaussianDiffusion,
        weights: Tensor,
        means: Tensor,
        variances: Tensor,
        labels: Tensor | None = None,
    ) -> None:
        """Describe the data.

        Args:
            diffusion: the process.
            weights: weight of each component [k], at least 0; they are divided by their sum.
            means: centre of each component [k, c, *space].
            variances: variance of every element in each component [k], at least 0.
            labels: class of each component, int64 [k]; None for data without classes.

        Raises:
            SettingsError: tensors that describe no mixture.
        """
        super().__init__(diffusion)
        self.components = Components.checked("means", weights, means, variances, labels)

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the posterior mixture."""
        return self.components.x_start_moments(x_t, at, conditioning)
