"""Files of arrays, as cases make them."""

import math
import struct

import h5py
import nibabel
import numpy as np
import pyarrow
import zarr
from pyarrow import parquet as writer


def npy(array):
    def make(folder):
        np.save(folder / "a.npy", array)
        return folder / "a.npy"

    return make


def npz(**arrays):
    def make(folder):
        np.savez(folder / "a.npz", **arrays)
        return folder / "a.npz"

    return make


def hdf5(**arrays):
    def make(folder):
        with h5py.File(folder / "a.h5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return folder / "a.h5"

    return make


def store(**arrays):
    def make(folder):
        group = zarr.open_group(str(folder / "a.zarr"), mode="w")
        for name, array in arrays.items():
            group.create_array(name, data=array)
        return folder / "a.zarr"

    return make


def nifti(*names):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            volume = np.arange(8 * 4 * 4 * 6).reshape(8, 4, 4, 6).astype(np.uint8) + np.uint8(number)
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), folder / f"{name}.nii")
        return folder

    return make


def parquet(name="a", **columns):
    def make(folder):
        writer.write_table(pyarrow.table(columns), folder / f"{name}.parquet")
        return folder

    return make


def numbers(*rows):
    def make(folder):
        (folder / "points.csv").write_text("\n".join(rows) + "\n")
        return folder / "points.csv"

    return make


def idx(**arrays):
    """Files by name, _ for -, of uint8."""

    def make(folder):
        for name, array in arrays.items():
            head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            (folder / f"{name.replace('_', '-')}-ubyte").write_bytes(head + array.tobytes())
        return folder

    return make


def one_each(*names, shape=(1, 8, 8)):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{name}.npy", np.arange(math.prod(shape)).reshape(shape).astype(np.uint8) + number)
        return folder

    return make
