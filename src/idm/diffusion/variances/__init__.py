"""What the variance of a reverse step can be."""

from idm.diffusion.variances.analytic import Analytic
from idm.diffusion.variances.base import ReverseVariance
from idm.diffusion.variances.calibrated import CalibratedDecoder
from idm.diffusion.variances.error_curve import ErrorCurve
from idm.diffusion.variances.error_curves import ErrorCurves
from idm.diffusion.variances.fixed import FixedLarge, FixedSmall
from idm.diffusion.variances.learned import Learned, LearnedRange
from idm.diffusion.variances.predicted import PredictedError

__all__ = [
    "Analytic",
    "CalibratedDecoder",
    "ErrorCurve",
    "ErrorCurves",
    "FixedLarge",
    "FixedSmall",
    "Learned",
    "LearnedRange",
    "PredictedError",
    "ReverseVariance",
]
