"""The noise that a step draws where the variance of x_0 given x is known."""

from torch import Tensor

from idm.core.types import Images
from idm.diffusion import Denoised, ReverseVariance
from idm.schedules import Level


def with_uncertainty(
    own: Tensor | None, weight: Tensor, variance: ReverseVariance, found: Denoised, x: Images, at: Level
) -> Tensor | None:
    """Return the standard deviation of what a step draws; None where it draws nothing.

    A step that counts x_0 with a weight, as if x_0 were known, lacks its square times Var(x_0 | x) (Bao et al. 2022,
    theorem 1). That is added to the square of the step's own deviation, where the variance knows it.

    Args:
        own: standard deviation of the noise that the step draws anyway; None: it draws none.
        weight: of x_0.
        variance: of the process.
        found: what was found in x.
        x: the sample.
        at: its level.
    """
    uncertain = variance.x_start_variance(variance.reads(found, x, at), at)
    if uncertain is None:
        return own
    added = weight**2 * uncertain
    return (added if own is None else added + own**2).sqrt()
