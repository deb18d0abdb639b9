"""What the methods of GaussianDiffusion return."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.gaussian import Gaussian


@dataclass(frozen=True)
class NetworkOutput:
    """A network's output, split into its heads.

    Attributes:
        prediction: the first C channels, read by the prediction type.
        variance: the next C channels, read by a learned variance; None where the variance is fixed.
    """

    prediction: Tensor
    variance: Tensor | None

    def freeze_mean(self) -> "NetworkOutput":
        """Return the same values, with no gradient into the prediction: the bound may then move only the variance."""
        return NetworkOutput(self.prediction.detach(), self.variance)


@dataclass(frozen=True)
class ReverseStep:
    """p(x_{t-1} | x_t); every field has the shape of x_t.

    Attributes:
        mean: its mean.
        log_variance: logarithm of its variance.
        pred_xstart: the x_0 it was built from, after ``denoised_fn`` and clipping.
    """

    mean: Tensor
    log_variance: Tensor
    pred_xstart: Tensor

    @property
    def variance(self) -> Tensor:
        """exp(log_variance), at every step."""
        return torch.exp(self.log_variance)

    @property
    def std(self) -> Tensor:
        """Standard deviation."""
        return torch.exp(0.5 * self.log_variance)

    def select(self, rows: Tensor) -> "ReverseStep":
        """Return the steps of some samples, by their numbers [k]."""
        return ReverseStep(self.mean[rows], self.log_variance[rows], self.pred_xstart[rows])

    @property
    def gaussian(self) -> Gaussian:
        """The distribution itself."""
        return Gaussian(self.mean, self.log_variance)


@dataclass(frozen=True)
class VbTerms:
    """One term of the variational bound per sample.

    Attributes:
        output: [b], bits/dim.
        pred_xstart: the predicted x_0, of x_t's shape.
    """

    output: Tensor
    pred_xstart: Tensor


@dataclass(frozen=True)
class LossTerms:
    """Losses per sample, each [b].

    Attributes:
        loss: what is minimised.
        mse: mean squared error of the prediction; None where the objective has no regression.
        vb: the bound term of the step in bits/dim, already weighted as in ``loss``; None where it is not computed.
    """

    loss: Tensor
    mse: Tensor | None
    vb: Tensor | None

    @staticmethod
    def concatenate(parts: "Sequence[LossTerms]") -> "LossTerms":
        """Join the losses of several batches, without their gradients."""
        loss, mse, vb = (
            [value.detach() for part in parts if (value := getattr(part, name)) is not None]
            for name in ("loss", "mse", "vb")
        )
        return LossTerms(torch.cat(loss), torch.cat(mse) if mse else None, torch.cat(vb) if vb else None)
