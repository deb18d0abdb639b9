"""Proof of the mathematics, measured: a new check is one file and one line in ``CHECKS``."""

from idm.core.registry import Registry
from idm.proof.measured import Measured
from idm.proof.proof import Proof
from idm.proof.samplers import check_samplers

CHECKS: Registry[Proof] = Registry("check", {"samplers": check_samplers})

__all__ = ["CHECKS", "Measured", "Proof", "check_samplers"]
