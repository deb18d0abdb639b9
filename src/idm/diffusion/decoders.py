"""How the last step p(x_0 | x_1) scores data: as one of a number of levels, or as a density."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from idm.core.gaussian import Gaussian, discretized_gaussian_log_likelihood


class Decoder(ABC):
    """Log-likelihood of data under the Gaussian of the last step."""

    @abstractmethod
    def log_likelihood(self, x_start: Tensor, reverse: Gaussian) -> Tensor:
        """Log-likelihood of ``x_start`` per element, in nats."""

    @property
    @abstractmethod
    def middle(self) -> float:
        """A value that data can have, in the middle of their range."""


@dataclass(frozen=True)
class DiscretizedDecoder(Decoder):
    """The data take one of ``levels`` equally spaced values in [-1, 1] (Ho et al. 2020, eq. 13).

    Attributes:
        levels: 256 for 8-bit data, 65,536 for 16-bit data, and so on.
        reference_cdf: use improved-diffusion's tanh approximation, for number parity only.
    """

    levels: int = 256
    reference_cdf: bool = False

    def log_likelihood(self, x_start: Tensor, reverse: Gaussian) -> Tensor:
        """Log-probability of the level of ``x_start``."""
        return discretized_gaussian_log_likelihood(
            x_start,
            means=reverse.mean,
            log_scales=0.5 * reverse.log_variance,
            levels=self.levels,
            reference_cdf=self.reference_cdf,
        )

    @property
    def middle(self) -> float:
        """The level at 0, or next below."""
        return 2.0 * ((self.levels - 1) // 2) / (self.levels - 1) - 1.0


@dataclass(frozen=True)
class ContinuousDecoder(Decoder):
    """The data are real numbers: a log density in the model's range, which may be positive."""

    def log_likelihood(self, x_start: Tensor, reverse: Gaussian) -> Tensor:
        """Log density at ``x_start``."""
        return reverse.log_density(x_start)

    @property
    def middle(self) -> float:
        """0."""
        return 0.0
