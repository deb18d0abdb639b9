"""Methods by name; a new one is one file and one line in ``METHODS``."""

from idm.core.registry import Registry
from idm.restoration.methods.base import Method
from idm.restoration.methods.covariances import CovarianceRule
from idm.restoration.methods.ddnm import DDNM
from idm.restoration.methods.dps import DPS
from idm.restoration.methods.ilvr import ILVR
from idm.restoration.methods.particles import Particles
from idm.restoration.methods.pigdm import PiGDM
from idm.restoration.methods.repaint import RePaint
from idm.restoration.methods.sdedit import SDEdit
from idm.restoration.methods.tds import TDS
from idm.restoration.methods.tmpd import TMPD

METHODS: Registry[Method] = Registry(
    "method",
    {
        "sdedit": SDEdit,
        "repaint": RePaint,
        "ilvr": ILVR,
        "ddnm": DDNM,
        "dps": DPS,
        "pigdm": PiGDM,
        "tmpd": TMPD,
        "tds": TDS,
    },
)

__all__ = [
    "DDNM",
    "DPS",
    "ILVR",
    "METHODS",
    "TDS",
    "TMPD",
    "CovarianceRule",
    "Method",
    "Particles",
    "PiGDM",
    "RePaint",
    "SDEdit",
]
