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

_MEMBERS: dict[str, type[Inversion]] = {
    "bdia": BDIAInversion,
    "ddim": DDIMInversion,
    "fixed_point": FixedPointInversion,
    "o_belm": OBELMInversion,
    "rex": RexInversion,
    "rex_sde": RexSDEInversion,
}

INVERSIONS: Registry[Inversion] = Registry("method", _MEMBERS)

NUM_STATES = {name: member.num_states for name, member in _MEMBERS.items()}
"""How many states each carries."""

__all__ = [
    "CLEAN",
    "INVERSIONS",
    "NUM_STATES",
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
