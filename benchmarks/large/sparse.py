"""Sparse files of any size, of every kind of data that is read as needed: zeros that take no room on the disk.

The first and the last 64 samples hold normal numbers, so that the data have a range.
"""

import math
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHAPE = (1, 16, 16)
"""Shape of a sample."""

AT_ENDS = 64
"""Samples at each end that are no zeros."""

RATE_HZ, WINDOW = 48_000, 1_024
CHUNK_SAMPLES = 1_024
RASTER_WIDTH = 16_384


def npy(folder: Path, num_bytes: int) -> Path:
    """Write float32 samples as a .npy file."""
    return _npy(folder, (num_bytes // _bytes("f4"), *SHAPE))


def npy_raster(folder: Path, num_bytes: int) -> Path:
    """Write one large raster of float32 as a .npy file."""
    return _npy(folder, (num_bytes // (4 * RASTER_WIDTH), RASTER_WIDTH))


def hdf5(folder: Path, num_bytes: int) -> Path:
    """Write float32 samples as a data set that is not cut into chunks."""
    import h5py

    where, count = folder / "large.h5", num_bytes // _bytes("f4")
    with h5py.File(where, "w") as file:
        _fill(file.create_dataset("images", (count, *SHAPE), "f4"))
    return where


def netcdf(folder: Path, num_bytes: int) -> Path:
    """Write a float32 variable of a NetCDF 4 file."""
    import h5netcdf

    where, count = folder / "large.nc", num_bytes // _bytes("f4")
    with h5netcdf.File(where, "w") as file:
        file.dimensions = {"time": count, "lat": SHAPE[1], "lon": SHAPE[2]}
        _fill(file.create_variable("t", ("time", "lat", "lon"), "f4"))
    return where


def netcdf_classic(folder: Path, num_bytes: int) -> Path:
    """Write a float32 variable of a NetCDF file with places of 64 bits."""
    return _classic(folder, num_bytes, ">f4", {})


def netcdf_packed(folder: Path, num_bytes: int) -> Path:
    """Write 16-bit integers with a scale, which become float64, in a NetCDF file with places of 64 bits."""
    return _classic(folder, num_bytes, ">i2", {"scale_factor": 0.01, "add_offset": 273.15})


def zarr_chunks(folder: Path, num_bytes: int) -> Path:
    """Write float32 samples as a Zarr store of small chunks."""
    import zarr

    where, count = folder / "large.zarr", num_bytes // _bytes("f4") // CHUNK_SAMPLES * CHUNK_SAMPLES
    chunks = (CHUNK_SAMPLES, *SHAPE)
    data = zarr.create_array(where, shape=(count, *SHAPE), dtype="f4", chunks=chunks, compressors=None)
    _fill(data)
    for number in range(1, count // CHUNK_SAMPLES - 1):
        part = where / "c" / str(number) / "0" / "0" / "0"
        part.parent.mkdir(parents=True)
        _lengthen(part, math.prod(chunks) * 4)
    return where


def wav(folder: Path, num_bytes: int) -> Path:
    """Write 16-bit sound in two channels, as RF64, which may be longer than 4 GB."""
    where, form = folder / "large.wav", struct.pack("<HHIIHH", 1, 2, RATE_HZ, 4 * RATE_HZ, 4, 16)
    num_frames = num_bytes // (4 * WINDOW) * WINDOW
    sizes = struct.pack("<QQQI", 72 + 4 * num_frames, 4 * num_frames, num_frames, 0)
    unknown = struct.pack("<I", 2**32 - 1)
    head = b"RF64" + unknown + b"WAVE" + b"ds64" + struct.pack("<I", len(sizes)) + sizes
    head += b"fmt " + struct.pack("<I", len(form)) + form + b"data" + unknown
    _write_sparse(where, head, (num_frames // WINDOW, WINDOW, 2), "<i2")
    return where


def tiff_raster(folder: Path, num_bytes: int) -> Path:
    """Write one large raster of float32 as a TIFF file whose pixels lie together."""
    import tifffile

    where = folder / "large.tif"
    shape = (num_bytes // (4 * RASTER_WIDTH), RASTER_WIDTH)
    raster = tifffile.memmap(where, shape=shape, dtype="f4", bigtiff=True)
    raster[:AT_ENDS], raster[-AT_ENDS:] = _ends(raster.shape, raster.dtype)
    raster.flush()
    return where


def nifti_volume(folder: Path, num_bytes: int) -> Path:
    """Write one large volume of packed 16-bit integers as a .nii file."""
    import nibabel

    side = round((num_bytes / 2) ** (1 / 3))
    header: Any = nibabel.Nifti1Header()
    header.set_data_dtype("<i2")
    header.set_data_shape((side, side, side))
    header.set_slope_inter(0.5, 1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    where = folder / "large.nii"
    _write_sparse(where, header.binaryblock + b"\0" * 4, (side, side, side), "<i2")
    return where


Maker = Callable[[Path, int], Path]

MAKERS: Mapping[str, Maker] = {
    ".npy": npy,
    "HDF5": hdf5,
    "NetCDF 4": netcdf,
    "NetCDF, 64-bit offset": netcdf_classic,
    "NetCDF, packed": netcdf_packed,
    "Zarr": zarr_chunks,
    "WAV": wav,
    ".npy, patches": npy_raster,
    "TIFF, patches": tiff_raster,
    "NIfTI, packed, patches": nifti_volume,
}
"""Makers of a set in a folder, by what tables call it; they return what `--data` wants."""

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "WAV": (f"data.source.window={WINDOW}",),
    ".npy, patches": ("data.patch_size=16", "data.source.samples=whole", "data.source.channels=none"),
    "TIFF, patches": ("data.patch_size=16", "data.source.name=tiff"),
    "NIfTI, packed, patches": ("data.patch_size=16",),
}
"""What has to be said of them."""


def _bytes(dtype: str) -> int:
    return math.prod(SHAPE) * np.dtype(dtype).itemsize


def _npy(folder: Path, shape: tuple[int, ...]) -> Path:
    where = folder / "large.npy"
    _fill(np.lib.format.open_memmap(where, "w+", np.dtype("f4"), shape))
    return where


def _classic(folder: Path, num_bytes: int, dtype: str, attributes: Mapping[str, float]) -> Path:
    """Write t(time, lat, lon), of which time grows, as appendix B of the NetCDF User's Guide says."""
    where, count = folder / "large.nc", num_bytes // _bytes(dtype)
    axes = [("time", 0), ("lat", SHAPE[1]), ("lon", SHAPE[2])]
    head = b"CDF\2" + _number(count) + _number(10, 3) + b"".join(_text(name) + _number(size) for name, size in axes)
    head += _number(0, 0) + _number(11, 1) + _text("t") + _number(3, 0, 1, 2)
    head += _number(12, len(attributes)) if attributes else _number(0, 0)
    head += b"".join(_text(name) + _number(6, 1) + struct.pack(">d", value) for name, value in attributes.items())
    head += _number({">i2": 3, ">f4": 5}[dtype], _bytes(dtype))
    _write_sparse(where, head + struct.pack(">Q", len(head) + 8), (count, *SHAPE[1:]), dtype)
    return where


def _number(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def _text(text: str) -> bytes:
    return _number(len(text)) + text.encode() + b"\0" * (-len(text) % 4)


def _write_sparse(where: Path, head: bytes, shape: tuple[int, ...], dtype: str) -> None:
    """Write what comes before the values, and the values at both ends."""
    first, last = _ends(shape, np.dtype(dtype))
    with where.open("wb") as file:
        file.write(head)
        file.write(first.tobytes())
        file.seek(len(head) + math.prod(shape) * np.dtype(dtype).itemsize - last.nbytes)
        file.write(last.tobytes())


def _lengthen(where: Path, num_bytes: int) -> None:
    with where.open("wb") as file:
        file.truncate(num_bytes)


def _fill(data: Any) -> None:
    """Write the samples at both ends of an array that gives and takes them."""
    data[:AT_ENDS], data[-AT_ENDS:] = _ends(data.shape, np.dtype(data.dtype))


def _ends(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Draw the samples at both ends; integers are of some hundred."""
    values = np.random.default_rng(0).normal(size=(2, AT_ENDS, *shape[1:]))
    return (values if dtype.kind == "f" else 500 * values).astype(dtype)
