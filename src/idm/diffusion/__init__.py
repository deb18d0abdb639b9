"""The diffusion process and its parts: predictions, variances, objectives, decoders."""

from idm.diffusion.decoders import ContinuousDecoder, Decoder, DiscretizedDecoder
from idm.diffusion.denoiser import (
    Clipped,
    Denoised,
    DenoisedFn,
    Denoiser,
    ModelKwargs,
    select,
    threshold_dynamically,
)
from idm.diffusion.gaussian_diffusion import GaussianDiffusion, Place
from idm.diffusion.names import LossType, ModelMeanType, ModelVarType
from idm.diffusion.objectives import Objective
from idm.diffusion.pairs import extrapolate, find_both
from idm.diffusion.predictions import Preconditioned, Prediction
from idm.diffusion.results import LossTerms, NetworkOutput, ReverseStep, VbTerms
from idm.diffusion.shifted import Shifted
from idm.diffusion.variances import (
    Analytic,
    CalibratedDecoder,
    ErrorCurve,
    ErrorCurves,
    PredictedError,
    ReverseVariance,
)
from idm.diffusion.weightings import EDM, P2, MinSNR, OfPrediction, Sigmoid, XStartWeighting

__all__ = [
    "EDM",
    "P2",
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
    "ErrorCurves",
    "GaussianDiffusion",
    "LossTerms",
    "LossType",
    "MinSNR",
    "ModelKwargs",
    "ModelMeanType",
    "ModelVarType",
    "NetworkOutput",
    "Objective",
    "OfPrediction",
    "Place",
    "Preconditioned",
    "PredictedError",
    "Prediction",
    "ReverseStep",
    "ReverseVariance",
    "Shifted",
    "Sigmoid",
    "VbTerms",
    "XStartWeighting",
    "extrapolate",
    "find_both",
    "select",
    "threshold_dynamically",
]
