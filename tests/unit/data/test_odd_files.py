"""Twenty files each as h5py, zarr, nibabel and tifffile write them, odd ones among them, and images in zip archives.

Values come back bit for bit, or scaled where the file says so.
"""

import io
import zipfile

import h5py
import nibabel
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from idm.data import SOURCES

RNG = np.random.default_rng(0)
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "i8", "f2", "f4", "f8")
ORDER = np.array([2, 0, 2, 1])


def numbers(dtype, shape=(3, 2, 4, 5)):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return RNG.normal(size=shape).astype(kind)
    return RNG.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, kind.newbyteorder("=")).astype(kind)


def hdf5(path, data, userblock=0, **options):
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.create_dataset("x", data=data, **options)


HDF5 = {
    **{dtype: (numbers(dtype), {}) for dtype in DTYPES},
    **{dtype: (numbers(dtype), {}) for dtype in (">i2", ">u4", ">f8")},
    "one sample": (numbers("f4")[:1], {}),
    "gzip in uneven chunks": (numbers("i2"), {"chunks": (2, 2, 3, 5), "compression": "gzip"}),
    "lzf": (numbers("u1"), {"chunks": (1, 2, 4, 5), "compression": "lzf"}),
    "shuffled with check sums": (numbers("f4"), {"chunks": (1, 1, 4, 5), "shuffle": True, "fletcher32": True}),
    "scaled integers": (RNG.integers(0, 9, (3, 2, 4, 5)), {"chunks": (3, 2, 4, 5), "scaleoffset": 0}),
    "growing": (numbers("f8"), {"maxshape": (None, 2, 4, 5)}),
    "after a user's block": (numbers("f4"), {"userblock": 512}),
}


@pytest.mark.parametrize("name", HDF5)
def test_what_h5py_wrote_comes_back(tmp_path, name):
    data, options = HDF5[name]
    hdf5(tmp_path / "a.h5", data, **options)
    expect(SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5"), "channels": "first"}), data)


def expect(source, data):
    """All samples, in order and out of it, in the byte order of the machine."""
    rows = ORDER[len(data) > ORDER]
    found = source.read(rows)
    assert source.dtype == found.dtype == data.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, data[rows])
    assert len(source) == len(data)


ZARR = {
    **{dtype: (numbers(dtype), {}) for dtype in DTYPES},
    **{f"version 2, {dtype}": (numbers(dtype), {"zarr_format": 2}) for dtype in (">i2", ">f8", "f4", "u1")},
    "one sample": (numbers("f4")[:1], {}),
    "uneven chunks": (numbers("i2"), {"chunks": (2, 2, 3, 4)}),
    "not compressed": (numbers("f4"), {"compressors": None}),
    "gzip": (numbers("f4"), {"compressors": zarr.codecs.GzipCodec()}),
    "shards": (numbers("u2"), {"chunks": (1, 2, 4, 5), "shards": (3, 2, 4, 5)}),
    "Fortran order": (numbers("f8"), {"zarr_format": 2, "order": "F"}),
}


@pytest.mark.parametrize("name", ZARR)
def test_what_zarr_wrote_comes_back(tmp_path, name):
    data, options = ZARR[name]
    zarr.create_array(str(tmp_path / "a.zarr"), data=data, **options)
    expect(SOURCES.build("zarr", {"path": str(tmp_path / "a.zarr"), "channels": "first"}), data)


def nifti(path, data, kind=nibabel.Nifti1Image, scale=None, *, big_endian=False):
    image = kind(data, np.eye(4), dtype=data.dtype)
    if big_endian:
        image = kind(data, np.eye(4), kind.header_class(endianness=">"), dtype=data.dtype)
    if scale is not None:
        image.header.set_slope_inter(*scale)
    nibabel.save(image, path)


VOLUME = (4, 5, 6)
NIFTI = {
    **{dtype: (numbers(dtype, VOLUME), "a.nii", {}) for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")},
    **{f"packed {dtype}": (numbers(dtype, VOLUME), "a.nii.gz", {}) for dtype in ("u1", "i2", "f4", "f8")},
    "NIfTI-2": (numbers("i2", VOLUME), "a.nii", {"kind": nibabel.Nifti2Image}),
    "packed NIfTI-2": (numbers("f4", VOLUME), "a.nii.gz", {"kind": nibabel.Nifti2Image}),
    "big-endian": (numbers("i2", VOLUME), "a.nii", {"big_endian": True}),
    "packed big-endian": (numbers("f4", VOLUME), "a.nii.gz", {"big_endian": True}),
    "axes of one": (numbers("f4", (*VOLUME, 1)), "a.nii", {}),
    "a plane": (numbers("i2", (4, 5)), "a.nii", {}),
    "halves": (numbers("i2", VOLUME), "a.nii", {"scale": (0.5, 0.0)}),
    "packed quarters": (numbers("i2", VOLUME), "a.nii.gz", {"scale": (0.25, -3.0)}),
}


@pytest.mark.parametrize("name", NIFTI)
def test_what_nibabel_wrote_comes_back(tmp_path, name):
    data, file, options = NIFTI[name]
    nifti(tmp_path / file, data, **options)
    slope, intercept = options.get("scale", (1, 0))
    source = SOURCES.build("nifti", {"path": str(tmp_path)})
    shape = data.shape[:3] if data.ndim == 4 else data.shape
    assert source.shape == (1, *shape)
    np.testing.assert_array_equal(source[0][0], slope * data.reshape(shape) + intercept)


PAGES = (3, 8, 16)
TIFF = {
    **{dtype: (numbers(dtype, PAGES), {}) for dtype in ("u1", "u2", "i2", "f4", "i4")},
    **{f"big-endian {dtype}": (numbers(dtype, PAGES), {"byteorder": ">"}) for dtype in ("u1", "u2", "i2", "f4", "i4")},
    **{f"BigTIFF {dtype}": (numbers(dtype, PAGES), {"bigtiff": True}) for dtype in ("u2", "f4")},
    **{f"zlib {dtype}": (numbers(dtype, PAGES), {"compression": "zlib"}) for dtype in ("u1", "u2", "f4", "i4")},
    "strips of two rows": (numbers("f4", PAGES), {"rowsperstrip": 2}),
    "tiles": (numbers("u2", (3, 16, 16)), {"tile": (16, 16)}),
    "one page": (numbers("f4", PAGES)[:1], {}),
    "RGB": (numbers("u1", (*PAGES, 3)), {"photometric": "rgb"}),
}


@pytest.mark.parametrize("name", TIFF)
def test_what_tifffile_wrote_as_a_stack_comes_back(tmp_path, name):
    data, options = TIFF[name]
    usual = {"photometric": "minisblack", "contiguous": False, "metadata": None}
    with tifffile.TiffWriter(
        tmp_path / "a.tif", **{key: options[key] for key in ("bigtiff", "byteorder") if key in options}
    ) as file:
        for page in data:
            file.write(page, **usual | {key: options[key] for key in options.keys() - {"bigtiff", "byteorder"}})
    source = SOURCES.build("tiff_stack", {"path": str(tmp_path / "a.tif")})
    expect(source, data[:, None] if data.ndim == 3 else np.moveaxis(data, -1, 1))


GREY, COLOUR, DEEP = (numbers(dtype, shape) for dtype, shape in (("u1", (8, 6)), ("u1", (8, 6, 3)), ("u2", (8, 6))))
BITS = RNG.integers(0, 2, (8, 6)).astype(bool)
FEW = Image.fromarray(COLOUR).quantize(8)
IMAGES = {
    "grey PNG": (Image.fromarray(GREY), "PNG", {}, GREY),
    "colour PNG": (Image.fromarray(COLOUR), "PNG", {}, COLOUR),
    "16-bit PNG": (Image.fromarray(DEEP), "PNG", {}, DEEP),
    "1-bit PNG": (Image.fromarray(BITS), "PNG", {}, np.uint8(255) * BITS),
    "palette": (FEW, "PNG", {}, np.array(FEW.convert("RGB"))),
    "WebP": (Image.fromarray(COLOUR), "WEBP", {"lossless": True}, COLOUR),
    "BMP": (Image.fromarray(COLOUR), "BMP", {}, COLOUR),
    "TIFF": (Image.fromarray(GREY), "TIFF", {}, GREY),
    "packed TIFF": (Image.fromarray(COLOUR), "TIFF", {"compression": "tiff_lzw"}, COLOUR),
    "16-bit TIFF": (Image.fromarray(DEEP), "TIFF", {}, DEEP),
}


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", IMAGES)
def test_what_pillow_wrote_into_a_zip_archive_comes_back(tmp_path, name, packing):
    image, form, options, pixels = IMAGES[name]
    stream = io.BytesIO()
    image.save(stream, form, **options)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", packing) as archive:
        archive.writestr(f"cat/0.{form.lower()}", stream.getvalue())
    found = SOURCES.build("zip", {"path": str(tmp_path / "a.zip")})[0]
    np.testing.assert_array_equal(found, pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0))
