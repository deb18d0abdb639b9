"""The diffusion process and its parts: predictions, variances, objectives, decoders."""

from idm.diffusion.decoders import ContinuousDecoder, Decoder, DiscretizedDecoder
from idm.diffusion.gaussian_diffusion import DenoisedFn, GaussianDiffusion, ModelKwargs
from idm.diffusion.names import LossType, ModelMeanType, ModelVarType
from idm.diffusion.objectives import Objective
from idm.diffusion.predictions import Prediction
from idm.diffusion.results import LossTerms, NetworkOutput, ReverseStep, VbTerms
from idm.diffusion.variances import ReverseVariance, WithDecoderVariance

__all__ = [
    "ContinuousDecoder",
    "Decoder",
    "DenoisedFn",
    "DiscretizedDecoder",
    "GaussianDiffusion",
    "LossTerms",
    "LossType",
    "ModelKwargs",
    "ModelMeanType",
    "ModelVarType",
    "NetworkOutput",
    "Objective",
    "Prediction",
    "ReverseStep",
    "ReverseVariance",
    "VbTerms",
    "WithDecoderVariance",
]
