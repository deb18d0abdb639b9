"""Operators by name; a new one is one file and one line in ``OPERATORS``."""

from idm.core.registry import Registry
from idm.restoration.operators.base import Custom, LinearOperator, Operator, Selection
from idm.restoration.operators.blur import Blur
from idm.restoration.operators.channels import Channels
from idm.restoration.operators.downsample import Downsample
from idm.restoration.operators.fourier import Fourier
from idm.restoration.operators.mask import Mask
from idm.restoration.operators.matrix import Matrix

OPERATORS: Registry[LinearOperator] = Registry(
    "operator",
    {
        "mask": Mask,
        "downsample": Downsample,
        "blur": Blur,
        "channels": Channels,
        "fourier": Fourier,
        "matrix": Matrix,
    },
)
"""Each is made of the ``shape`` of one sample [c, *space] and its own options."""

__all__ = [
    "OPERATORS",
    "Blur",
    "Channels",
    "Custom",
    "Downsample",
    "Fourier",
    "LinearOperator",
    "Mask",
    "Matrix",
    "Operator",
    "Selection",
]
