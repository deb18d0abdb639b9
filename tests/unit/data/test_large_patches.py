"""Patches of rasters that are larger than the memory they take."""

import tracemalloc

import h5py
import numpy as np
import pytest
import zarr
from astropy.io import fits

from idm.data import SOURCES
from idm.data.patches import Patches

SIDE = 8_192
"""Places along an axis of a raster of 256 MiB, of which the disk holds next to nothing."""


def large_npy(folder):
    np.lib.format.open_memmap(folder / "a.npy", "w+", np.float32, (SIDE, SIDE))
    return "arrays", {"path": str(folder / "a.npy"), "samples": "whole", "channels": "none"}


def large_hdf5(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("x", (SIDE, SIDE), np.float32)[-1, -1] = 0
    return "hdf5", {"path": str(folder / "a.h5"), "samples": "whole", "channels": "none"}


def large_fits(folder):
    fits.PrimaryHDU(np.zeros((1, 1), np.float32)).writeto(folder / "a.fits")
    head = (folder / "a.fits").read_bytes()[:2880]
    for axis in (b"NAXIS1  =                    1", b"NAXIS2  =                    1"):
        head = head.replace(axis, axis[:-4] + str(SIDE).encode())
    (folder / "a.fits").write_bytes(head)
    with (folder / "a.fits").open("r+b") as file:
        file.truncate(2880 + -(-4 * SIDE * SIDE // 2880) * 2880)
    return "fits", {"path": str(folder / "a.fits")}


def large_store(folder):
    array = zarr.create_array(
        str(folder / "a.zarr"), shape=(SIDE, SIDE), chunks=(SIDE // 8, SIDE), dtype="f4", compressors=None
    )
    array[:1, :1] = 1
    chunk = next(file for file in (folder / "a.zarr").rglob("*") if file.is_file() and file.name != "zarr.json")
    for number in range(8):
        place = chunk.parent.parent / str(number) / chunk.name
        place.parent.mkdir(exist_ok=True)
        with place.open("wb") as file:
            file.truncate(4 * SIDE * SIDE // 8)
    return "zarr", {"path": str(folder / "a.zarr"), "samples": "whole", "channels": "none"}


@pytest.mark.parametrize("make", [large_npy, large_hdf5, large_fits, large_store])
def test_a_large_raster_is_looked_at_and_read_within_a_fraction_of_its_size(tmp_path, make):
    name, options = make(tmp_path)
    tracemalloc.start()
    found = Patches(SOURCES.build(name, options, in_patches=True), 64)
    assert not found.read(np.array([0, len(found) - 1])).any()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == (SIDE // 64) ** 2
    assert peak < 160 << 20, peak
