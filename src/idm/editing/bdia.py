"""BDIA: a step down and a step up from the same eps, added to the sample before (Zhang, Lewis & Kleijn 2023).

x_{t-1} = x_{t+1} + X_{t -> t-1}(x_t) - X_{t -> t+1}(x_t), where X_{t -> s}(x_t) = alpha_s x_0 + sigma_s eps is a step
of DDIM: gamma = 1 of the paper. The rule is then symmetric in time and of second order, and its parasitic mode neither
damped nor amplified. Samples are added up as they are, not divided by alpha: that would lose up to four digits.
"""

from dataclasses import dataclass, replace
from typing import Self, final

from idm.editing.two_step import TwoStepInversion


@final
@dataclass(frozen=True)
class BDIAInversion(TwoStepInversion):
    """Bidirectional integration approximation, gamma = 1. Exact, of second order, one call a step."""

    def with_noise(self) -> Self:
        """Return the same way, which begins at data with noise; O-BELM does not, as it would amplify that."""
        return replace(self, noise_data=True)

    def numbers(self, middle: int) -> tuple[float, float, float, float]:
        """Weights of the rule around a place."""
        (alpha_up, sigma_up), (alpha_down, sigma_down) = self.at(middle + 1), self.at(middle - 1)
        return 1.0, 0.0, alpha_up - alpha_down, sigma_up - sigma_down
