"""Proof of the mathematics, measured: a new check is one file and one line in ``CHECKS``."""

from typing import Any

from idm.core.registry import Registry
from idm.proof.measured import Measured
from idm.proof.posterior import check_posterior
from idm.proof.proof import Finding, Proof
from idm.proof.restored import Restored
from idm.proof.samplers import check_samplers

CHECKS: Registry[Proof[Any]] = Registry("check", {"samplers": check_samplers, "posterior": check_posterior})

__all__ = ["CHECKS", "Finding", "Measured", "Proof", "Restored", "check_posterior", "check_samplers"]
