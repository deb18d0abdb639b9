"""Which variables of a file are the channels of samples, and which of their axes are what."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from idm.core.errors import DataError
from idm.data.arrays.axes import MAX_SPATIAL
from idm.data.arrays.chosen_variables import Chosen, Wanted
from idm.data.arrays.variables import Variable
from idm.data.label_names import NO_LABELS, find_labels
from idm.data.remarks import listed

COUNTING = (
    "sample",
    "samples",
    "time",
    "t",
    "member",
    "ensemble",
    "realization",
    "number",
    "station",
    "profile",
    "obs",
)
"""Names of axes that number samples, in small letters."""

OF_OTHERS = ("coordinates", "bounds", "grid_mapping", "ancillary_variables", "cell_measures", "climatology")
"""Attributes that name variables which describe another one."""


def choose_variables(where: Path, found: Mapping[str, Variable], wanted: Wanted) -> Chosen:
    """Choose the variables and say what their axes are.

    Args:
        where: the file, for messages.
        found: all variables.
        wanted: which of them, and what their axes are.

    Raises:
        DataError: no such variable or axis; variables of several shapes; more axes than samples can have.
    """
    _refuse_unknown(where, found, wanted)
    free = {name: variable for name, variable in found.items() if name not in wanted.apart}
    names = wanted.variables or _largest_kind(where, free)
    chosen = tuple(found[name] for name in names)
    _refuse_unlike(where, chosen)
    first = chosen[0]
    samples = _usual_axes(first) if wanted.sample_axes is None else wanted.sample_axes
    space = _space(where, first, samples, wanted.channel_axes)
    labels = _labels(where, found if wanted.label_variable else free, chosen, samples, wanted.label_variable)
    others = [name for name in _of_data(free) if name not in names and found[name] is not labels]
    remark = (f"not read: {listed(others)}; data.source.variables chooses others",) if others else ()
    beside = {name: variable for name, variable in found.items() if _is_beside(variable, samples)}
    return Chosen(chosen, samples, wanted.channel_axes, space, labels, beside, remark)


def _is_beside(variable: Variable, samples: Sequence[str]) -> bool:
    """Whether a variable says something of samples: it lies along some of their axes, text along one more."""
    axes = (
        variable.axes[:-1] if variable.stored.kind == "S" and set(variable.axes[-1:]) - set(samples) else variable.axes
    )
    return bool(axes) and set(axes) <= set(samples) and len(set(axes)) == len(axes)


def _refuse_unknown(where: Path, found: Mapping[str, Variable], wanted: Wanted) -> None:
    label = wanted.label_variable
    if unknown := [name for name in (*(wanted.variables or ()), *_told(label)) if name not in found]:
        option = "label_variable" if unknown[0] == label else "variables"
        raise DataError(
            f"{where}: a variable '{unknown[0]}' wanted, got {listed(sorted(found))}; set data.source.{option} to some "
            "of these"
        )


def _refuse_unlike(where: Path, chosen: Sequence[Variable]) -> None:
    """Refuse axes that cannot be told apart by their names, and variables of several shapes."""
    first = chosen[0]
    if len(set(first.axes)) < len(first.axes):
        raise DataError(
            f"{where}: axes of several names wanted in '{first.name}', got {_axes(first)}; name them by different "
            "names, or set data.source.variables to other variables"
        )
    for other in chosen:
        if (other.axes, other.shape) != (first.axes, first.shape) or other.stored.kind not in "iuf":
            raise DataError(
                f"{where}: numbers along {_axes(first)} wanted in all variables as in {first.name}, got {other.stored} "
                f"along {_axes(other)} in {other.name}; set data.source.variables to variables of one shape"
            )


def _space(where: Path, first: Variable, samples: Sequence[str], channels: Sequence[str]) -> tuple[str, ...]:
    """Return the axes that are left for space."""
    if unknown := [axis for axis in (*samples, *channels) if axis not in first.axes or not axis]:
        option = "sample_axes" if unknown[0] in samples else "channel_axes"
        raise DataError(
            f"{where}: an axis '{unknown[0]}' wanted, got {_axes(first)}; set data.source.{option} to some of these"
        )
    if twice := sorted({axis for axis in (*samples, *channels) if (*samples, *channels).count(axis) > 1}):
        raise DataError(
            f"{where}: each axis once wanted, got '{twice[0]}' twice; name it in data.source.sample_axes or in "
            "data.source.channel_axes, once"
        )
    space = tuple(axis for axis in first.axes if axis not in (*samples, *channels))
    if len(space) > MAX_SPATIAL:
        raise DataError(
            f"{where}: at most {MAX_SPATIAL} axes of space wanted, got {', '.join(space)}; set "
            "data.source.channel_axes to some of them, or data.source.sample_axes"
        )
    return space


def _told(name: str | None) -> tuple[str, ...]:
    return () if name in (None, NO_LABELS) else (name,)


def _axes(variable: Variable) -> str:
    return ", ".join(
        f"{axis or 'one without a name'} ({size:,})" for axis, size in zip(variable.axes, variable.shape, strict=True)
    )


def _of_data(found: Mapping[str, Variable]) -> list[str]:
    """Names of the variables that are no coordinates and describe no others."""
    words = [str(variable.attributes.get(name, "")).split() for variable in found.values() for name in OF_OTHERS]
    describing = {word for some in words for word in some}
    return [
        name
        for name, variable in found.items()
        if variable.stored.kind in "iuf" and name not in describing and variable.axes not in ((), (name,))
    ]


def _largest_kind(where: Path, found: Mapping[str, Variable]) -> tuple[str, ...]:
    """Names of the variables that share the axes which hold most values, but for labels."""
    names = [name for name in _of_data(found) if all(found[name].axes)]
    names = [name for name in names if len(set(found[name].axes)) == len(found[name].axes)] or names
    names = [name for name in names if find_labels([name]) is None] or names
    if not names:
        raise DataError(
            f"{where}: a variable of numbers with named axes wanted, got none among {listed(sorted(found)) or 'none'}; "
            "an HDF5 file without such is read with data.source.name=hdf5"
        )
    largest = max(names, key=lambda name: (math.prod(found[name].shape), len(found[name].axes)))
    return tuple(name for name in names if found[name].axes == found[largest].axes)


def _usual_axes(variable: Variable) -> tuple[str, ...]:
    growing = [axis for axis in variable.axes if axis in variable.growing]
    counting = [axis for name in COUNTING for axis in variable.axes if axis.lower() == name]
    return (*growing, *counting, *variable.axes)[:1]


def _labels(
    where: Path, found: Mapping[str, Variable], chosen: Sequence[Variable], samples: Sequence[str], told: str | None
) -> Variable | None:
    def is_one(variable: Variable) -> bool:
        is_text = variable.stored.kind == "S" and len(variable.axes) == 2
        return variable.axes[: 1 if is_text else None] == tuple(samples) and variable.stored.kind in "iuSOT"

    if told == NO_LABELS:
        return None
    if told is None:
        of_samples = [name for name, variable in found.items() if is_one(variable) and variable not in chosen]
        name = find_labels(of_samples)
        return None if name is None else found[name]
    if not is_one(found[told]):
        raise DataError(
            f"{where}: a word or whole number for each {' and '.join(samples)} wanted in '{told}', got "
            f"{found[told].stored} along {_axes(found[told])}; set data.source.label_variable to another, or to none"
        )
    return found[told]
