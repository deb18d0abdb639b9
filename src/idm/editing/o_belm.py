"""O-BELM: the explicit two-step rule of the smallest local error (Wang et al. 2024).

With y = x / alpha, H_t = kappa_{t+1} - kappa_t and q = H_t / H_{t-1} it is y_{t+1} = q^2 y_{t-1} + (1 - q^2) y_t +
H_t (1 + q) eps_t. Its parasitic root is -q^2: errors of a code grow by the square of the last H over the first, which
on steps that are even in time is beyond all use (10^5 to 10^11), and on steps that are even in the log SNR bearable.
"""

from dataclasses import dataclass
from typing import final

from idm.editing.two_step import TwoStepInversion


@final
@dataclass(frozen=True)
class OBELMInversion(TwoStepInversion):
    """Optimal bidirectional explicit linear multistep rule. Exact, local error of third order, one call a step."""

    def numbers(self, middle: int) -> tuple[float, float, float, float]:
        """Weights of the rule around a place, written for x = alpha y."""
        (alpha_up, sigma_up), (alpha, sigma), (alpha_down, sigma_down) = map(self.at, (middle + 1, middle, middle - 1))
        longer, length = sigma_up / alpha_up - sigma / alpha, sigma / alpha - sigma_down / alpha_down
        q = longer / length
        eps = alpha_up * longer * (1.0 + q)
        return q * q * alpha_up / alpha_down, (1.0 - q * q) * alpha_up / alpha, 0.0, eps
