"""NetCDF: variables along named axes, with units and coordinates."""

import io
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra
from idm.data.metadata import NetCdfMetadata
from idm.data.metadata.netcdf import Named
from idm.data.writers.base import Form, ToWrite, Writer, wider

SAMPLE = "sample"
"""The axis that numbers samples."""

AXES = ("z", "y", "x")
"""Axes of space of data that came without names."""

NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable. "


@final
class NetCdfWriter(Writer):
    """One file of NetCDF 4 of all samples, each variable along sample, its axes of channels and of space (needs h5py).

    Values are not packed.
    """

    place, pattern, package = "samples.nc", r"samples\.nc", ("h5py", "netcdf")

    def wanted(self, form: Form) -> str:
        """Accept everything: data without names of axes have simple ones."""
        return ""

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".nc"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the one file."""
        h5py = import_extra("h5py", "netcdf", "formats")
        told, stream, count = _names(samples.form), io.BytesIO(), len(samples.data)
        along = _along(samples.form, count)
        name = _unlike(SAMPLE if along is None else along.name, told)
        axes = [name, *(axis.name for axis in (*told.channel_axes, *told.space))]
        sizes = [count, *(axis.size for axis in (*told.channel_axes, *told.space))]
        with h5py.File(stream, "w", track_order=True) as file:
            scales = [_scale(file, axes[0], count, along)]
            scales += [_scale(file, axis.name, axis.size, axis) for axis in (*told.channel_axes, *told.space)]
            by_variable = samples.data.reshape(count, len(told.variables), *sizes[1:])
            for number, variable in enumerate(told.variables):
                _put(file, variable, by_variable[:, number], scales)
            for name, values in samples.beside.items():
                if values.shape == (count,) and values.dtype.kind in "biuf":
                    _put(file, Named(_unlike(name, told, axes[0])), values, scales[:1])
        yield self.place, stream.getvalue()


def _names(form: Form) -> NetCdfMetadata:
    """Return the names that the data came with, or simple ones: those of the channels, and of axes."""
    if isinstance(form.metadata, NetCdfMetadata) and form.metadata.fits(form.shape):
        return form.metadata
    channels, *space = form.shape
    axes = tuple(Named(name, size=size) for name, size in zip(AXES[3 - len(space) :], space, strict=True))
    return NetCdfMetadata((Named("data"),), (Named("channel", size=channels),) if channels > 1 else (), axes)


def _along(form: Form, count: int) -> Named | None:
    """Return the axis of all of so many samples in the file that they came in; None where there was none."""
    axis = form.sample_axis
    return axis if axis is not None and axis.size == count else None


def _unlike(name: str, told: NetCdfMetadata, *others: str) -> str:
    """Return a name that no variable or axis of the data, and none of the others, has."""
    taken = {one.name for one in (*told.variables, *told.channel_axes, *told.space)} | {*others}
    while name in taken:
        name += "_"
    return name


def _scale(file: Any, name: str, size: int, axis: Named | None) -> Any:
    """Write an axis: its coordinates, or its size alone."""
    values = np.arange(size) if axis is None else axis.values
    if values is None:
        data = file.create_dataset(name, shape=(size,), dtype=">f4")
        data.make_scale(f"{NO_VARIABLE}{size:10d}")
        return data
    data = file.create_dataset(name, data=np.asarray(values))
    data.make_scale(name)
    _describe(data, () if axis is None else axis.attributes)
    return data


def _put(file: Any, variable: Named, values: NDArray[Any], scales: list[Any]) -> None:
    """Write a variable along axes."""
    data = file.create_dataset(variable.name, data=wider(values), compression="gzip", shuffle=True)
    for place, scale in enumerate(scales):
        data.dims[place].attach_scale(scale)
    _describe(data, variable.attributes)


def _describe(data: Any, attributes: tuple[tuple[str, str], ...]) -> None:
    for key, text in attributes:
        data.attrs[key] = np.bytes_(text.encode())
