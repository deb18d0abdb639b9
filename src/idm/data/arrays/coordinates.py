"""What the coordinates of a file say: names of channels that lie along an axis, and distances in space."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.chosen_variables import Chosen
from idm.data.arrays.variables import Variable
from idm.data.metadata.base import MOST_PLACES
from idm.data.metadata.netcdf import Named, NetCdfMetadata, kept_attributes

FEW_PLACES = 1_000_000
"""Coordinates of more places are not looked at."""

EVEN_TOLERANCE = 1e-3
"""Distances that differ by no more than this share are taken for the same."""


def channel_names(chosen: Chosen, found: Mapping[str, Variable]) -> tuple[str, ...]:
    """Name each channel by its variable and its places along the axes of channels: t level=500."""
    names = [variable.name for variable in chosen.variables]
    for axis, size in zip(chosen.channel_axes, chosen.sizes(chosen.channel_axes), strict=True):
        values = coordinate(found, axis, size)
        places = [f"{value:g}" for value in (range(size) if values is None else values.tolist())]
        names = [f"{name} {axis}={place}" for name in names for place in places]
    return tuple(names)


def spacing(chosen: Chosen, found: Mapping[str, Variable]) -> tuple[float, ...] | None:
    """Return the distances along the axes of space, where all have even coordinates in one unit."""
    values = [
        coordinate(found, axis, size) for axis, size in zip(chosen.space, chosen.sizes(chosen.space), strict=True)
    ]
    units = {str(found[axis].attributes.get("units", "")) for axis in chosen.space if axis in found}
    if not values or len(units) != 1 or any(value is None or len(value) < 2 for value in values):
        return None
    steps = [np.diff(value) for value in values if value is not None]
    even = all(
        np.isfinite(step).all() and step[0] and np.allclose(step, step[0], rtol=EVEN_TOLERANCE) for step in steps
    )
    return tuple(abs(float(step[0])) for step in steps) if even else None


def coordinate(found: Mapping[str, Variable], axis: str, size: int) -> NDArray[np.float64] | None:
    """Return the coordinates of the places of an axis; None where there are none."""
    variable = found.get(axis)
    if variable is None or variable.shape != (size,) or size > FEW_PLACES or variable.stored.kind not in "iuf":
        return None
    return variable.packing.values(variable.read_all()).astype(np.float64)


def metadata_of(chosen: Chosen, found: Mapping[str, Variable]) -> NetCdfMetadata | None:
    """Return names, units and coordinates of what is read; None where names are such as no file may have.

    Axes of more than ``MOST_PLACES`` places, and those along which something is missing, have no coordinates.
    """

    def axes(names: Sequence[str]) -> tuple[Named, ...]:
        return tuple(_axis(found, name, size) for name, size in zip(names, chosen.sizes(names), strict=True))

    with suppress(ValueError):
        variables = [Named(one.name.rpartition("/")[2], kept_attributes(one.attributes)) for one in chosen.variables]
        return NetCdfMetadata(tuple(variables), axes(chosen.channel_axes), axes(chosen.space))
    return None


def sample_axis(chosen: Chosen, found: Mapping[str, Variable]) -> Named | None:
    """Return the axis that numbers the samples of a file with its coordinates; None where there is not just one."""
    if len(chosen.sample_axes) == 1:
        with suppress(ValueError):
            return _axis(found, chosen.sample_axes[0], chosen.num_samples)
    return None


def _axis(found: Mapping[str, Variable], name: str, size: int) -> Named:
    values = coordinate(found, name, size) if size <= MOST_PLACES else None
    if values is None or not np.isfinite(values).all():
        return Named(name, size=size)
    return Named(name, kept_attributes(found[name].attributes), size, tuple(values.tolist()))
