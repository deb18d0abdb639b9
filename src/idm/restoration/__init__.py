"""Restoration: drawing data that agree with what was observed of them."""

from idm.restoration.checking import check_coverage, observe
from idm.restoration.coverage import Calibration, Coverage, Region, coverage_of
from idm.restoration.ensembles import chance_of_flat, crps, crps_of_gaussian
from idm.restoration.methods import (
    DDNM,
    DPS,
    ILVR,
    METHODS,
    TDS,
    TMPD,
    CovarianceRule,
    Method,
    Particles,
    PiGDM,
    RePaint,
    SDEdit,
)
from idm.restoration.observation import Observation
from idm.restoration.operators import (
    OPERATORS,
    Blur,
    Channels,
    Custom,
    Downsample,
    Fourier,
    LinearOperator,
    Mask,
    Matrix,
    Operator,
    Selection,
)
from idm.restoration.restore import restore, restore_particles, restoring

__all__ = [
    "DDNM",
    "DPS",
    "ILVR",
    "METHODS",
    "OPERATORS",
    "TDS",
    "TMPD",
    "Blur",
    "Calibration",
    "Channels",
    "CovarianceRule",
    "Coverage",
    "Custom",
    "Downsample",
    "Fourier",
    "LinearOperator",
    "Mask",
    "Matrix",
    "Method",
    "Observation",
    "Operator",
    "Particles",
    "PiGDM",
    "RePaint",
    "Region",
    "SDEdit",
    "Selection",
    "chance_of_flat",
    "check_coverage",
    "coverage_of",
    "crps",
    "crps_of_gaussian",
    "observe",
    "restore",
    "restore_particles",
    "restoring",
]
