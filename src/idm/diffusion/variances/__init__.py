"""What the variance of a reverse step can be."""

from idm.diffusion.variances.base import ReverseVariance
from idm.diffusion.variances.decoder import WithDecoderVariance
from idm.diffusion.variances.fixed import FixedLarge, FixedSmall
from idm.diffusion.variances.learned import Learned, LearnedRange

__all__ = ["FixedLarge", "FixedSmall", "Learned", "LearnedRange", "ReverseVariance", "WithDecoderVariance"]
