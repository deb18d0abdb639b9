"""Restoration: drawing data that agree with what was observed of them."""

from idm.restoration.checking import check_coverage, observe
from idm.restoration.coverage import Calibration, Coverage, Region, coverage_of
from idm.restoration.methods import DDNM, METHODS, Method, RePaint
from idm.restoration.observation import Observation
from idm.restoration.operators import OPERATORS, Custom, LinearOperator, Mask, Operator, Selection
from idm.restoration.restore import restore, restoring

__all__ = [
    "DDNM",
    "METHODS",
    "OPERATORS",
    "Calibration",
    "Coverage",
    "Custom",
    "LinearOperator",
    "Mask",
    "Method",
    "Observation",
    "Operator",
    "RePaint",
    "Region",
    "Selection",
    "check_coverage",
    "coverage_of",
    "observe",
    "restore",
    "restoring",
]
