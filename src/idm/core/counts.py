"""Numbers as callers of the package give them: Python's, NumPy's, or a tensor that holds one."""

import math
import operator
from collections.abc import Iterable
from typing import SupportsFloat, SupportsIndex, TypeGuard, cast

import numpy as np
import torch
from torch import Tensor

from idm.core.errors import SettingsError


def whole_number(value: object, name: str, wanted: str = "a whole number") -> int:
    """Return what counts as an integer as Python's own; truth values are none.

    Args:
        value: as it was given.
        name: what to call it in messages.
        wanted: what it should have been, in words.

    Raises:
        SettingsError: a fraction, a text, a truth value, several numbers.
    """
    if not isinstance(value, bool) and not (isinstance(value, Tensor) and value.dtype == torch.bool):
        try:
            return operator.index(cast(SupportsIndex, value))
        except (TypeError, ValueError):
            pass
    raise SettingsError(f"{name}: {wanted} wanted, got {value!r}")


def at_least(least: int, value: object, name: str) -> int:
    """Return a whole number that is not too small; arguments as of ``whole_number``.

    Raises:
        SettingsError: it is, or it is no whole number.
    """
    number = whole_number(value, name)
    if number < least:
        raise SettingsError(f"{name}: at least {least} wanted, got {number}")
    return number


def finite_number(value: object, name: str, wanted: str = "a finite number") -> float:
    """Return a number as Python's own; texts and truth values are none. Arguments as of ``whole_number``.

    Raises:
        SettingsError: something else, infinity, NaN, several numbers.
    """
    is_truth = isinstance(value, (bool, np.bool_)) or (isinstance(value, Tensor) and value.dtype == torch.bool)
    if not is_truth and not isinstance(value, (str, bytes)):
        try:
            number = float(cast(SupportsFloat, value))
        except (TypeError, ValueError, RuntimeError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise SettingsError(f"{name}: {wanted} wanted, got {value!r}")


def refuse_one(value: object, name: str, example: str) -> None:
    """Refuse a single value where several are wanted.

    Raises:
        SettingsError: it is one.
    """
    if not holds_several(value):
        raise SettingsError(f"{name}: several values wanted, such as {example}, got {value!r}")


def holds_several(value: object) -> TypeGuard[Iterable[object]]:
    """Whether a value is a list or another collection; a text, bytes, a number and a tensor without axes are one."""
    return not isinstance(value, (str, bytes)) and isinstance(value, Iterable) and getattr(value, "ndim", 1) > 0
