"""Operators by name; a new one is one file and one line in ``OPERATORS``."""

from idm.core.registry import Registry
from idm.restoration.operators.base import Custom, LinearOperator, Operator, Selection
from idm.restoration.operators.mask import Mask

OPERATORS: Registry[LinearOperator] = Registry("operator", {"mask": Mask})
"""Each is made of the ``shape`` of one sample [c, *space] and its own options."""

__all__ = ["OPERATORS", "Custom", "LinearOperator", "Mask", "Operator", "Selection"]
