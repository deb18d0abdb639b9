"""NetCDF files, as cases make them."""

import math

import h5py
import numpy as np
from scipy.io import netcdf_file

from .case import FLAT


def netcdf(**variables):
    """Files by name, and variables with their shapes along axes a, b and so on, of which a grows."""

    def make(folder):
        for name, shapes in variables.items():
            with netcdf_file(str(folder / f"{name}.nc"), "w") as file:
                for number, (variable, (axes, shape)) in enumerate(shapes.items()):
                    for axis, size in zip(axes, shape, strict=True):
                        if axis not in file.dimensions:
                            file.createDimension(axis, None if axis == "a" else size)
                    values = np.arange(math.prod(shape)).reshape(shape) + number
                    file.createVariable(variable, "i4", tuple(axes))[:] = values
        return folder

    return make


def unnamed_axes(folder):
    with h5py.File(folder / "a.nc", "w") as file:
        file["x"] = FLAT
    return folder / "a.nc"


def scaled_labels(folder):
    with netcdf_file(str(netcdf(a={"t": ("ab", (8, 8)), "sort": ("a", (8,))})(folder) / "a.nc"), "a") as file:
        file.variables["sort"].scale_factor = 0.5
    return folder


def missing_labels(folder):
    with netcdf_file(str(netcdf(a={"t": ("ab", (8, 8)), "sort": ("a", (8,))})(folder) / "a.nc"), "a") as file:
        file.variables["sort"].missing_value = 3
    return folder


IMAGES_OF = netcdf(a={"t": ("abc", (8, 8, 8)), "z": ("bc", (8, 8)), "sort": ("a", (8,))})

DEEP = netcdf(a={"t": ("abcde", (8, 2, 8, 8, 8))})
