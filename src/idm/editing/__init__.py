"""Editing: encoding, decoding, interpolation. A new way to invert is one file and one line in ``INVERSIONS``."""

from idm.core.registry import Registry
from idm.editing.base import CLEAN, Inversion, States
from idm.editing.bdia import BDIAInversion
from idm.editing.ddim import DDIMInversion
from idm.editing.deterministic import refuse_dropout
from idm.editing.fixed_point import FixedPointInversion
from idm.editing.interpolation import interpolate, mix, slerp
from idm.editing.inversion import decode, decoding, edit, encode, inversion_process
from idm.editing.o_belm import OBELMInversion
from idm.editing.rex import RexInversion
from idm.editing.rex_sde import RexSDEInversion

INVERSIONS: Registry[Inversion] = Registry(
    "method",
    {
        "bdia": BDIAInversion,
        "ddim": DDIMInversion,
        "fixed_point": FixedPointInversion,
        "o_belm": OBELMInversion,
        "rex": RexInversion,
        "rex_sde": RexSDEInversion,
    },
)

__all__ = [
    "CLEAN",
    "INVERSIONS",
    "BDIAInversion",
    "DDIMInversion",
    "FixedPointInversion",
    "Inversion",
    "OBELMInversion",
    "RexInversion",
    "RexSDEInversion",
    "States",
    "decode",
    "decoding",
    "edit",
    "encode",
    "interpolate",
    "inversion_process",
    "mix",
    "refuse_dropout",
    "slerp",
]
