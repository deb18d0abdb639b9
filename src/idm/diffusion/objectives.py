"""How the squared error and the variational bound add up to the loss.

All four losses of improved DDPM are one formula: loss = [regression] mse + weight * vb, with vb the single
bound term of the sampled step, in bits/dim.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """Weights of the loss.

    Attributes:
        regression: whether the squared error of the prediction is part of the loss. Where it is not, the
            bound trains mean and variance; where it is, the bound trains only a learned variance.
        vb_factor: weight of the bound term.
        vb_times_num_timesteps: multiply that weight by T, which makes a single term an unbiased estimate of
            the whole bound (without the prior term).
    """

    regression: bool
    vb_factor: float
    vb_times_num_timesteps: bool

    def vb_weight(self, num_timesteps: int) -> float:
        """Weight of the bound term of one step in a chain of ``num_timesteps``."""
        return self.vb_factor * (num_timesteps if self.vb_times_num_timesteps else 1)
