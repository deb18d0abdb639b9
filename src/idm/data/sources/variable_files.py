"""Opening the variables of NetCDF files, in the classic and the HDF5 formats, and of Zarr stores with named axes."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.named import refuse_unstored
from idm.data.arrays.netcdf_classic import read_classic
from idm.data.arrays.open_files import OpenFiles
from idm.data.arrays.variables import Variable
from idm.data.extras import import_extra
from idm.data.reading.damage import reading
from idm.data.sources.hdf5 import data_sets
from idm.data.sources.zarr import array_names, refuse_other_codecs

NETCDF_SUFFIXES = (".nc", ".nc4", ".nc3", ".cdf", ".netcdf")
CLASSIC, HDF5 = b"CDF", b"\x89HDF\r\n\x1a\n"
"""The first bytes of each kind of file."""

AXES = "_ARRAY_DIMENSIONS"
"""The attribute that names the axes of arrays in Zarr stores of version 2."""

NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"


def hdf5_files() -> OpenFiles:
    """Return a holder of few open HDF5 files, for all that are read together."""
    return OpenFiles(lambda where: import_extra("h5py", "netcdf").File(where, "r"))


def open_variables(where: Path, files: OpenFiles) -> dict[str, Variable]:
    """Read what variables there are; their values stay on disk.

    Args:
        where: a file, or the folder of a Zarr store.
        files: what keeps HDF5 files open, see ``hdf5_files``.

    Raises:
        UnreadableFileError: neither a NetCDF file nor a Zarr store, or a damaged one.
        DataError: a package is missing; more values declared than are stored; codecs that run code.
    """
    if where.is_dir():
        import_extra("zarr", "zarr")
        refuse_other_codecs(where)
        with reading(where, "a Zarr store", "write it again"):
            return _by_name(where, _of_store(where))
    if not where.is_file():
        raise DataError(f"{where}: a NetCDF file wanted, got {kind_at(where)}; check the path")
    with reading(where, "a NetCDF file", "replace it"):
        with where.open("rb") as file:
            begin = file.read(len(HDF5))
        if begin.startswith(CLASSIC):
            return _by_name(where, iter(read_classic(where)))
        if begin != HDF5:
            raise ValueError("its first bytes are those of another format")
        return _by_name(where, _of_hdf5(where, files))


def _by_name(where: Path, found: Iterator[Variable]) -> dict[str, Variable]:
    named = {variable.name: variable for variable in found}
    for variable in named.values():
        if variable.stored.kind != "O":
            refuse_unstored(where, _Declared(variable))
    return named


class _Declared:
    """What a variable declares."""

    def __init__(self, variable: Variable) -> None:
        self.shape, self.dtype = variable.shape, variable.stored


def _of_hdf5(where: Path, files: OpenFiles) -> Iterator[Variable]:
    """Go through the data sets of an HDF5 file whose axes have scales; links are not followed."""
    h5py = import_extra("h5py", "netcdf")
    file = files[where]
    for path in data_sets(h5py, file.members)[0]:
        data = file.members[path]
        told = {name: data.attrs[name] for name in data.attrs if name not in ("DIMENSION_LIST", "REFERENCE_LIST")}
        attributes = {name: _text(value) if isinstance(value, bytes) else value for name, value in told.items()}
        if _text(attributes.get("NAME")).startswith(NO_VARIABLE):
            continue
        own = path.rpartition("/")[2]
        is_scale = _text(attributes.get("CLASS")) == "DIMENSION_SCALE" and len(data.shape) == 1
        axes = (own,) if is_scale else tuple(_axis(scales) for scales in data.dims)
        growing = frozenset(axis for axis, most in zip(axes, data.maxshape, strict=True) if most is None)
        stored = data.dtype.newbyteorder("=")
        yield Variable(path, axes, data.shape, stored, files.array(where, path), attributes, growing)


def _axis(scales: Any) -> str:
    """Name of an axis by its scale; "" where it has none."""
    return scales[0].name.rpartition("/")[2] if len(scales) else ""


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _of_store(where: Path) -> Iterator[Variable]:
    """Go through the arrays of a Zarr store whose axes have names."""
    zarr = import_extra("zarr", "zarr")
    root = zarr.open(str(where), mode="r")
    for name in array_names(zarr, root) or ():
        data, attributes = root[name], dict(root[name].attrs)
        axes = attributes.pop(AXES, None) or getattr(data.metadata, "dimension_names", None) or ()
        if len(axes) != len(data.shape):
            axes = ("",) * len(data.shape)
        if data.metadata.zarr_format == 2 and data.fill_value is not None:
            attributes.setdefault("_FillValue", data.fill_value)  # as xarray has it
        elif isinstance(fill := attributes.get("_FillValue"), str):
            attributes["_FillValue"] = _decoded(fill)
        stored = np.dtype(data.dtype).newbyteorder("=")
        yield Variable(name, tuple(map(str, axes)), data.shape, stored, data.oindex, attributes, unwritten=False)


def _decoded(fill: str) -> Any:
    """Return the number that xarray writes as text into stores of version 3."""
    with suppress(ValueError):
        return np.frombuffer(base64.standard_b64decode(fill), "<f8")[0]
    return np.nan
