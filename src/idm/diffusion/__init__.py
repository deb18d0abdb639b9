"""The diffusion process and its parts: predictions, variances, objectives, decoders."""

from idm.diffusion.decoders import ContinuousDecoder, Decoder, DiscretizedDecoder
from idm.diffusion.denoiser import Clipped, Denoised, DenoisedFn, Denoiser, ModelKwargs, extrapolate, select
from idm.diffusion.gaussian_diffusion import GaussianDiffusion, Place
from idm.diffusion.names import LossType, ModelMeanType, ModelVarType
from idm.diffusion.objectives import Objective
from idm.diffusion.predictions import Prediction
from idm.diffusion.results import LossTerms, NetworkOutput, ReverseStep, VbTerms
from idm.diffusion.variances import Analytic, CalibratedDecoder, ErrorCurve, ReverseVariance

__all__ = [
    "Analytic",
    "CalibratedDecoder",
    "Clipped",
    "ContinuousDecoder",
    "Decoder",
    "Denoised",
    "DenoisedFn",
    "Denoiser",
    "DiscretizedDecoder",
    "ErrorCurve",
    "GaussianDiffusion",
    "LossTerms",
    "LossType",
    "ModelKwargs",
    "ModelMeanType",
    "ModelVarType",
    "NetworkOutput",
    "Objective",
    "Place",
    "Prediction",
    "ReverseStep",
    "ReverseVariance",
    "VbTerms",
    "extrapolate",
    "select",
]
