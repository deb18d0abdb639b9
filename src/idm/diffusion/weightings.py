"""How much the squared error of a noise level counts in training, by the names of the papers.

Each says the weight of the squared error of x_0; the error of another prediction is brought to that of x_0 first, so
that a weighting means the same for all of them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, final

import torch
from annotated_types import Gt
from torch import Tensor

from idm.core.limits import refuse_out_of_range
from idm.diffusion.predictions import Prediction
from idm.schedules import Level


class XStartWeighting(ABC):
    """Weight of the squared error of x_0 as a function of the level."""

    def __post_init__(self) -> None:
        """Refuse numbers beyond the ranges that their annotations state.

        Raises:
            SettingsError: a line per wrong number.
        """
        refuse_out_of_range(type(self), vars(self))

    @abstractmethod
    def __call__(self, at: Level) -> Tensor:
        """Return the weight, shaped as the level."""

    def for_data(self, sigma_data: float) -> "XStartWeighting":
        """Return the weighting for data of a standard deviation; most are the same for all."""
        return self


@dataclass(frozen=True)
class OfPrediction:
    """A weighting of x_0 for the squared error of what a network predicts: ``Objective.weighting``.

    x_0 is linear in the output, x_0 = a output + ...: its squared error is a^2 times that of the output.

    Attributes:
        prediction: what the network's first head means.
        of_x_start: the weighting.
    """

    prediction: Prediction
    of_x_start: XStartWeighting

    def __call__(self, at: Level) -> Tensor:
        """Return the weight of the output's squared error."""
        none = torch.zeros_like(at.alpha)
        slope = self.prediction.x_start(none + 1.0, none, at) - self.prediction.x_start(none, none, at)
        return self.of_x_start(at) * slope**2


@final
@dataclass(frozen=True)
class MinSNR(XStartWeighting):
    """min(SNR, gamma) (Hang et al. 2023, section 3.4): low noise, which is learned soon, does not drown the rest."""

    gamma: Annotated[float, Gt(0)] = 5.0

    def __call__(self, at: Level) -> Tensor:
        """min(1 / kappa^2, gamma)."""
        return at.kappa.pow(-2).clamp(max=self.gamma)


@final
@dataclass(frozen=True)
class P2(XStartWeighting):
    """SNR / (k + SNR)^gamma, that is (k + SNR)^-gamma on eps (Choi et al. 2022, eq. 8): fine detail counts less."""

    k: Annotated[float, Gt(0)] = 1.0
    gamma: Annotated[float, Gt(0)] = 1.0

    def __call__(self, at: Level) -> Tensor:
        """Return it; 1 / kappa^2 is the SNR."""
        snr = at.kappa.pow(-2)
        return snr / (self.k + snr) ** self.gamma


@final
@dataclass(frozen=True)
class Sigmoid(XStartWeighting):
    """SNR sigmoid(bias - log SNR), the sigmoid being the weight on eps (Kingma & Gao 2023, section 4)."""

    bias: float = 2.0

    def __call__(self, at: Level) -> Tensor:
        """SNR / (1 + SNR exp(-bias))."""
        return 1.0 / (at.kappa**2 + torch.exp(at.kappa.new_tensor(-self.bias)))


@final
@dataclass(frozen=True)
class EDM(XStartWeighting):
    """(kappa^2 + sigma_data^2) / (kappa sigma_data)^2 (Karras et al. 2022, section 5): 1 on EDM's own output."""

    sigma_data: Annotated[float, Gt(0)] = 0.5

    def __call__(self, at: Level) -> Tensor:
        """1 / sigma_data^2 + 1 / kappa^2."""
        return self.sigma_data**-2 + at.kappa.pow(-2)

    def for_data(self, sigma_data: float) -> XStartWeighting:
        """Return the same for data of that deviation."""
        return replace(self, sigma_data=sigma_data)
