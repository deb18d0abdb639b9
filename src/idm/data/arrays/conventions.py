"""What the attributes of a variable say of its numbers: their sign, their scale, and which stand for no value.

The conventions are those for climate and forecast metadata (CF 1.11, 2.5.1 and 8.1) and the NetCDF User's Guide,
appendix A.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from idm.data.arrays.packing import Packing

FILLS: dict[str, int | float] = {
    "int16": -32_767,
    "int32": -2_147_483_647,
    "int64": -9_223_372_036_854_775_806,
    "uint16": 65_535,
    "uint32": 4_294_967_295,
    "uint64": 18_446_744_073_709_551_614,
    "float32": float.fromhex("0x1.ep+122"),
    "float64": float.fromhex("0x1.ep+122"),
}
"""What NetCDF puts where nothing was written, unless a variable says another number."""

RESIGNED = {("i", "true"): "u", ("u", "false"): "i"}
"""Kind of the numbers of a stored kind, by _Unsigned: the classic formats have no unsigned types, others no bytes."""

SCALES, ENDS = ("scale_factor", "add_offset"), ("valid_min", "valid_max")
ROUNDING = 0.01
"""Share of a step of whole numbers by which a limit in the units of the values may miss one, since it was rounded."""

Attributes = Mapping[str, Any]


def signed(stored: np.dtype[Any], told: Attributes) -> np.dtype[Any]:
    """Return the dtype of stored numbers with the sign that attributes say."""
    kind = RESIGNED.get((stored.kind, str(told.get("_Unsigned", "")).lower()))
    return np.dtype(f"{kind}{stored.itemsize}") if kind else stored


def packing_of(stored: np.dtype[Any], told: Attributes, *, unwritten: bool) -> Packing:
    """Return what stored numbers stand for.

    Args:
        stored: their dtype, before attributes say its sign.
        told: the attributes.
        unwritten: whether NetCDF's own numbers stand where nothing was written.

    Raises:
        TypeError, ValueError: attributes that make no sense.
    """
    own, marks = signed(stored, told), [_numbers(told.get(name)) for name in ("_FillValue", "missing_value")]
    if not marks[0] and unwritten and stored.name in FILLS:
        marks[0] = [FILLS[stored.name]]
    blanks = tuple(_as_signed(mark, own) for some in marks for mark in some if _can_be(mark, stored, own))
    scale, offset = ((_numbers(told.get(name)) or [usual])[0] for name, usual in zip(SCALES, (1, 0), strict=True))
    packing = Packing(own, float(scale), float(offset), blanks)
    ends: list[int | float | None] = [None, None]
    for side, limit in enumerate(_limits(told)):
        if limit is None or not math.isfinite(limit):
            continue
        number = np.asarray(limit).item()
        if _is_value(limit, stored, told):
            place = 1 - side if packing.scale < 0 else side
            ends[place] = _stored_limit(packing, number, place)
        else:
            ends[side] = _as_signed(number, own) if _can_be(number, stored, own) else number
    return replace(packing, low=ends[0], high=ends[1])


def _limits(told: Attributes) -> list[Any]:
    """Return the smallest and the largest number that stands for a value, where they are told."""
    within = _typed(told.get("valid_range")) or [None, None]
    return [(_typed(told.get(name)) or [usual])[0] for name, usual in zip(ENDS, within, strict=True)]


def _is_value(limit: Any, stored: np.dtype[Any], told: Attributes) -> bool:
    """Whether a limit is one of values, since it is of their type, and not of what is stored."""
    if isinstance(limit, int):  # as in JSON, which does not tell types of whole numbers
        return False
    kind = np.asarray(limit).dtype
    scales = [np.asarray(number).dtype for name in SCALES for number in _typed(told.get(name))[:1]]
    is_wider = bool(scales) and kind == np.result_type(*scales) and kind.itemsize > stored.itemsize
    return is_wider or (kind.kind == "f" and stored.kind in "iu")


def _stored_limit(packing: Packing, limit: int | float, side: int) -> int | float:
    """Return the stored number of a limit of values, the smallest (side 0) or the largest (side 1)."""
    exact = (limit - packing.offset) / packing.scale
    if packing.stored.kind not in "iu" or not math.isfinite(exact):
        return exact
    return math.floor(exact + ROUNDING) if side else math.ceil(exact - ROUNDING)


def _as_signed(number: int | float, own: np.dtype[Any]) -> int | float:
    """Bring a number to the type of what is stored; whole ones of the other sign are the same bits."""
    return np.asarray(number).astype(own).item()


def _can_be(number: int | float, stored: np.dtype[Any], own: np.dtype[Any]) -> bool:
    """Whether a number can be stored, with a sign or as the same bits without: others mark nothing as missing."""
    if stored.kind not in "iu":
        return not math.isnan(number)
    limits = [np.iinfo(dtype) for dtype in (stored, own)]
    least, most = min(one.min for one in limits), max(one.max for one in limits)
    return math.isfinite(number) and number == int(number) and least <= number <= most


def _numbers(given: Any) -> list[Any]:
    """Return the numbers of an attribute; nothing where it is not there."""
    return [np.asarray(number).item() for number in _typed(given)]


def _typed(given: Any) -> list[Any]:
    """Return the numbers of an attribute, of the types that it has."""
    values = np.asarray([] if given is None else given).reshape(-1)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"numbers wanted as attributes, got {values.dtype}")
    return list(values) if isinstance(given, np.ndarray | np.generic) else values.tolist()
