"""Ranges that annotations state: ``order: Annotated[int, Ge(1), Le(3)]``, and members of enumerations."""

import operator
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from numbers import Real
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from idm.core.errors import SettingsError

Holds = Callable[[Any, Any], bool]

LIMITS: Mapping[type, tuple[str, str, Holds]] = {
    Ge: ("ge", ">=", operator.ge),
    Gt: ("gt", ">", operator.gt),
    Le: ("le", "<=", operator.le),
    Lt: ("lt", "<", operator.lt),
}
"""Where each kind of limit keeps its number, how it is written, and what it asks for."""


def limits_in_words(limits: tuple[Any, ...]) -> str:
    """Write limits as ">= 1, <= 3"; nothing of other metadata.

    0 and 0.0 are written alike: Python takes annotations that are equal for the same, whichever it met first.
    """
    return ", ".join(f"{sign} {getattr(limit, name):.12g}" for limit, name, sign, _ in _known(limits))


def refuse_out_of_range(owner: type, values: Mapping[str, Any]) -> None:
    """Refuse values beyond the limits that the annotations of a class state, and what is no member of an enumeration.

    Args:
        owner: the class.
        values: some of its fields.

    Raises:
        SettingsError: a line per wrong value.
    """
    lines = [
        f"{name}: a number {limits_in_words(limits)} wanted, got {values[name]!r}"
        for name, limits in _limits(owner).items()
        if name in values and not _is_within(values[name], limits)
    ]
    lines += [
        f"{name}: a member of {kind.__name__} ({', '.join(kind.__members__)}) wanted, got {values[name]!r}"
        for name, kind in _enumerations(owner).items()
        if name in values and not isinstance(values[name], kind)
    ]
    if lines:
        raise SettingsError(*lines)


def _is_within(value: object, limits: tuple[Any, ...]) -> bool:
    """Whether a value is a number that keeps all limits; a text or a truth value is none."""
    is_number = not isinstance(value, bool) and isinstance(value, Real)
    return is_number and all(holds(value, getattr(limit, where)) for limit, where, _, holds in _known(limits))


@lru_cache(maxsize=256)
def _enumerations(owner: type) -> Mapping[str, type[Enum]]:
    """Enumeration of each field that is a member of one."""
    hints = get_type_hints(owner)
    return {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Enum)}


@lru_cache(maxsize=256)
def _limits(owner: type) -> Mapping[str, tuple[Any, ...]]:
    """Limits of each field that has some."""
    hints = get_type_hints(owner, include_extras=True)
    found = {name: get_args(hint)[1:] for name, hint in hints.items() if get_origin(hint) is Annotated}
    return {name: limits for name, limits in found.items() if _known(limits)}


def _known(limits: tuple[Any, ...]) -> list[tuple[Any, str, str, Holds]]:
    return [(limit, *LIMITS[type(limit)]) for limit in limits if type(limit) in LIMITS]
