"""Options with one number for each spatial axis."""

from collections.abc import Sequence
from typing import TypeVar

from idm.core.errors import SettingsError

Number = TypeVar("Number", int, float)


def per_axis(name: str, values: Sequence[Number], shape: Sequence[int]) -> tuple[Number, ...]:
    """Return one value for each spatial axis of samples [c, *space]; a single one is for all of them.

    Raises:
        SettingsError: data without spatial axes, or another number of values.
    """
    axes = len(shape) - 1
    if axes == 0:
        raise SettingsError(f"operator: data with spatial axes wanted for {name}, got points of shape {tuple(shape)}")
    if len(values) not in (1, axes):
        raise SettingsError(
            f"{name}: one number, or {axes} of them, wanted for data of shape {tuple(shape)}, got {list(values)}"
        )
    return tuple(values) * (axes if len(values) == 1 else 1)
