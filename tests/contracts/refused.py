"""Data that every source refuses, or reads otherwise than wanted, and the setting that its message names.

A new refusal that names a setting wants a line in ``CASES``.
"""

import io
import json
import math
import struct
import tarfile
import wave
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pyarrow
import soundfile
import tifffile
import zarr
from astropy.io import fits
from PIL import Image
from pyarrow import parquet as writer
from scipy.io import netcdf_file

from idm.data.check import check_path

from ..dicoms import write as write_dicom
from ..edfs import edf_of

UNCLEAR = np.arange(8 * 10 * 12 * 16).reshape(8, 10, 12, 16).astype(np.uint8)
"""Samples whose axes cannot be told apart."""

FLAT = np.arange(8 * 64).reshape(8, 1, 8, 8).astype(np.uint8)


SPARSE = np.eye(1, 40_000, dtype=np.int64).reshape(40, 1, 1000)
"""Samples of which a single value differs from all others."""


FAR = np.where(np.arange(40_000) == 7, 2**30, np.arange(40_000) % 5).reshape(40, 1, 1000).astype(np.int32)
"""Integers of which a single one lies far from all others."""


KINDS = np.arange(8)


@dataclass(frozen=True)
class Case:
    """A refusal.

    Attributes:
        source: name of the source that refuses.
        make: writes the data into a folder, and returns the path to give with --data; None for sources without one.
        option: the setting that the message names.
        value: what it is set to after that.
        given: other settings, as text, given from the beginning.
    """

    source: str
    make: Callable[[Path], Path | None]
    option: str
    value: str
    given: dict[str, str] = field(default_factory=dict)


def nothing(folder: Path) -> None:
    return None


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


def saved_splits(folder):
    table = pyarrow.table({"x": np.arange(24).reshape(8, 3).tolist()})
    (folder / "dataset_dict.json").write_text("{}")
    for split in ("good", "bad"):
        (folder / split).mkdir()
        with pyarrow.ipc.new_stream(str(folder / split / "data.arrow"), table.schema) as stream:
            stream.write_table(table)
        (folder / split / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
        (folder / split / "dataset_info.json").write_text("{}")
    return folder


def png(width=8, height=8, value=0):
    stream = io.BytesIO()
    pixels = np.arange(width * height).reshape(height, width) + value
    Image.fromarray(pixels.astype(np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def images(*sizes, names=None):
    def make(folder):
        for number, size in enumerate(sizes):
            path = folder / (f"{number}.png" if names is None else names[number])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(*size, number))
        return folder

    return make


def listed(*rows, sizes=((8, 8), (8, 8), (8, 8))):
    def make(folder):
        images(*sizes)(folder)
        (folder / "list.csv").write_text("\n".join(rows) + "\n")
        return folder / "list.csv"

    return make


def shards(*members):
    def make(folder):
        with tarfile.open(folder / "a.tar", "w") as archive:
            for name, content in members:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return folder / "a.tar"

    return make


def indexed(make, refused=0):
    def index(folder):
        (folder / "data").mkdir()
        make(folder / "data")
        for number in range(refused):
            Image.new("RGBA", (8, 8)).save(folder / "data" / f"refused-{number}.png")
        (folder / "index.jsonl").write_text(check_path(folder / "data").index.to_text(), encoding="utf-8")
        return folder / "index.jsonl"

    return index


def stack(width=8, height=8, pages=6):
    def make(folder):
        frames = [Image.fromarray(np.full((height, width), page, np.uint8)) for page in range(pages)]
        for name in ("a", "b"):
            frames[0].save(folder / f"{name}.tif", save_all=True, append_images=frames[1:])
        return folder

    return make


def held_out(folder):
    """Write pictures, and lists of some beside them."""
    (folder / "names.txt").write_text("val/b.png\n")
    (folder / "others.txt").write_text("val/c.png\n")
    (folder / "empty.txt").write_text("\n")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    return images((8, 8), (8, 8), names=("a.png", "val/b.png"))(folder)


def with_list(folder):
    held_out(folder)
    return npz(x=FLAT)(folder)


def mixed(folder):
    images((8, 8), (8, 8))(folder)
    np.save(folder / "a.npy", FLAT)
    return folder


def clear(folder):
    for number in range(4):
        Image.new("RGBA", (8, 8), (number, 0, 0, 50 * number)).save(folder / f"{number}.png")
    return folder


def printed(folder):
    for number in range(4):
        Image.new("CMYK", (8, 8), (number, 0, 0, 50 * number)).save(folder / f"{number}.tif")
    return folder


def grey_and_colour(folder):
    images((8, 8), (8, 8))(folder)
    for number in range(2, 4):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


def zipped(*members):
    def make(folder):
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            for name, content in members:
                archive.writestr(name, content)
        return folder / "a.zip"

    return make


TWO_ZIPPED = zipped(("0.png", png()), ("1.png", png()))


def unknown_suffix(folder):
    np.save(folder / "a.npy", FLAT)
    return (folder / "a.npy").rename(folder / "a.bin")


def two_files(folder):
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", FLAT)
    Image.new("L", (8, 8), 1).save(folder / "a.png")
    Image.new("L", (8, 8), 2).save(folder / "b.png")
    return folder


def numbers(*rows):
    def make(folder):
        (folder / "points.csv").write_text("\n".join(rows) + "\n")
        return folder / "points.csv"

    return make


TWO_SIZES = ((8, 8), (9, 8), (8, 8))
CELLS = [png(value=value) for value in range(3)]
UNEVEN = [png(8, 8), png(9, 8), png(8, 8)]
FILES = {"data.source.name": "tiff_stack"}
VAL = {"data.source.split": "val"}

ARRAYS: list[Case] = [
    *(
        case
        for source, one, several in (("arrays", npz, npz), ("hdf5", hdf5, hdf5), ("zarr", store, store))
        for case in (
            Case(source, one(x=UNCLEAR), "data.source.channels", "first"),
            Case(source, one(x=UNCLEAR), "data.source.channels", "none"),
            Case(source, one(x=UNCLEAR), "data.source.spatial_dims", "2"),
            Case(source, one(x=FLAT), "data.source.spatial_dims", "2", {"data.source.spatial_dims": "1"}),
            Case(
                source,
                one(x=FLAT),
                "data.source.channels",
                "none",
                {"data.source.channels": "first", "data.source.spatial_dims": "3"},
            ),
            Case(source, several(a=FLAT, b=FLAT), "data.source.key", "b"),
            Case(source, several(a=FLAT), "data.source.key", "a", {"data.source.key": "c"}),
            Case(
                source, several(a=FLAT, b=np.arange(8)), "data.source.labels_key", "b", {"data.source.labels_key": "c"}
            ),
            Case(source, several(x=FLAT, y=np.zeros((8, 5))), "data.source.labels_key", "none"),
        )
    ),
    Case("arrays", npy(FLAT), "data.source.key", "null", {"data.source.key": "x"}),
    Case("arrays", npy(FLAT), "data.source.labels_key", "none", {"data.source.labels_key": "y"}),
    Case("arrays", unknown_suffix, "data.source.name", "arrays"),
    Case("arrays", npz(x=FLAT), "data.source.name", "arrays", {"data.source.name": "digits"}),
]

IMAGES: list[Case] = [
    Case("image_folder", images(*TWO_SIZES), "data.source.image_size", "8", {"data.source.image_size": "null"}),
    Case("image_folder", images(*TWO_SIZES), "data.source.image_size", "8", {"data.source.image_size": "64"}),
    Case("image_folder", images(*TWO_SIZES), "data.source.image_size", "8", {"data.source.image_size": "0"}),
    Case("image_folder", images(*TWO_SIZES), "data.source.image_size", "8", {"data.source.image_size": "6000"}),
    Case("image_folder", images(*TWO_SIZES), "data.source.image_size", "[4,8]", {"data.source.image_size": "[8,6000]"}),
    Case("image_folder", images(*TWO_SIZES), "data.source.image_size", "4,8", {"data.source.image_size": "4,8,8"}),
    Case("image_folder", images(*TWO_SIZES), "data.source.upscale", "true", {"data.source.image_size": "64"}),
    Case("image_folder", images((8, 8), (8, 8)), "data.source.max_pixels", "99", {"data.source.max_pixels": "9"}),
    Case("image_folder", images((8, 8), (8, 8)), "data.source.labels", "none", {"data.source.labels": "folder"}),
    Case("image_folder", images((8, 8), (8, 8)), "data.source.labels", "none", {"data.source.labels": "sorted"}),
    Case(
        "image_folder",
        images((8, 8), (8, 8), names=("train/a.png", "test/b.png")),
        "data.source.split",
        "test",
        {"data.source.split": "val"},
    ),
    Case("image_folder", clear, "data.source.pixels", "white"),
    Case("image_folder", printed, "data.source.pixels", "convert"),
    Case("image_folder", grey_and_colour, "data.source.pixels", "convert"),
    Case("image_folder", mixed, "data.source.name", "image_folder"),
    Case("image_folder", two_files, "data.source.name", "image_folder"),
    Case("csv", listed("path", "0.png", "1.png", "2.png", sizes=TWO_SIZES), "data.source.image_size", "8"),
    Case(
        "csv",
        listed("path", "0.png", "1.png"),
        "data.source.upscale",
        "true",
        {"data.source.image_size": "16"},
    ),
    Case("csv", listed("path", "0.png", "1.png"), "data.source.max_pixels", "99", {"data.source.max_pixels": "9"}),
    Case("csv", listed("file", "0.png", "1.png"), "data.source.path_column", "file"),
    Case(
        "csv",
        listed("path,kind", "0.png,a", "1.png,b"),
        "data.source.label_column",
        "kind",
        {"data.source.label_column": "x"},
    ),
    Case("csv", listed("path;kind", "0.png;a", "1.png;b"), "data.source.delimiter", "';'"),
    Case("csv", listed("path;kind", "0.png;a,b", "1.png;b"), "data.source.delimiter", "';'"),
    Case("csv", listed("path", "0.png", "1.png"), "data.source.delimiter", "';'", {"data.source.delimiter": "'::'"}),
    *(
        Case("csv", listed("path,split", f"0.png,{part}", "1.png,train"), "data.source.split", "null", VAL)
        for part in ("test", "none")
    ),
    Case("webdataset", shards(("0.png", png()), ("1.png", png(9, 8))), "data.source.image_size", "8"),
    Case(
        "webdataset",
        shards(("0.png", png()), ("1.png", png())),
        "data.source.upscale",
        "true",
        {"data.source.image_size": "16"},
    ),
    Case(
        "webdataset",
        shards(("0.png", png()), ("1.png", png())),
        "data.source.max_pixels",
        "99",
        {"data.source.max_pixels": "9"},
    ),
    Case("webdataset", shards(("0.png", png()), ("0.bmp", png()), ("1.png", png())), "data.source.image", "png"),
    Case("webdataset", shards(("0.png", png()), ("0.cls", b"a"), ("1.png", png())), "data.source.label", "none"),
    Case(
        "zip",
        zipped(("0.png", png()), ("1.png", png(9, 8))),
        "data.source.image_size",
        "8",
        {"data.source.image_size": "null"},
    ),
    Case("zip", zipped(("0.png", png()), ("1.png", png()), ("dataset.json", "[1]")), "data.source.labels", "none"),
    Case(
        "zip",
        zipped(("0.png", png()), ("1.png", png()), ("dataset.json", '{"labels": [["0.png", 1]]}')),
        "data.source.labels",
        "none",
    ),
    Case(
        "zip",
        zipped(("0.png", png()), ("1.png", png())),
        "data.source.labels",
        "none",
        {"data.source.labels": "folder"},
    ),
    Case(
        "zip",
        zipped(("0.png", png()), ("1.png", png())),
        "data.source.upscale",
        "true",
        {"data.source.image_size": "16"},
    ),
    Case(
        "zip",
        zipped(("0.png", png()), ("1.png", png())),
        "data.source.max_pixels",
        "99",
        {"data.source.max_pixels": "9"},
    ),
    Case("table", parquet(image=UNEVEN), "data.source.image_size", "8"),
    Case("table", parquet(image=CELLS), "data.source.upscale", "true", {"data.source.image_size": "16"}),
    Case("table", parquet(image=CELLS), "data.source.max_pixels", "99", {"data.source.max_pixels": "9"}),
    Case("table", parquet(a=CELLS, b=CELLS), "data.source.column", "b"),
    Case("table", parquet(a=CELLS), "data.source.column", "a", {"data.source.column": "c"}),
    Case("table", parquet(x=["a", "b"], other=[[1, 2], [3, 4]]), "data.source.column", "other"),
    Case(
        "table", parquet(x=CELLS, b=["u", "v", "u"]), "data.source.label_column", "b", {"data.source.label_column": "c"}
    ),
    Case("table", parquet(x=CELLS, label=[0.5, 1.0, 2.0]), "data.source.label_column", "none"),
    Case("table", parquet(x=UNCLEAR.tolist()), "data.source.channels", "last"),
    Case("table", parquet(x=UNCLEAR.tolist()), "data.source.spatial_dims", "2"),
    Case("table", saved_splits, "data.source.split", "good"),
    Case("table", parquet("train", x=CELLS), "data.source.split", "null", {"data.source.split": "val"}),
    Case("index", indexed(images((8, 8), (8, 8)), refused=2), "data.source.max_refused", "0.6"),
    Case("index", indexed(images((8, 8), (8, 8))), "data.source.upscale", "true", {"data.source.image_size": "16"}),
    Case("index", indexed(images((8, 8), (8, 8))), "data.source.image_size", "8", {"data.source.image_size": "16"}),
    Case("index", indexed(images((8, 8), (8, 8))), "data.source.max_pixels", "99", {"data.source.max_pixels": "9"}),
]

FILES_OF_ONE_KIND: list[Case] = [
    Case("nifti", nifti("a", "b"), "data.source.samples", "files", {"data.source.samples": "last"}),
    Case("nifti", nifti("a_0", "b"), "data.source.labels", "none", {"data.source.labels": "prefix"}),
    Case("nifti", nifti("train/a", "val/b"), "data.source.split", "val", {"data.source.split": "test"}),
    Case("tiff_stack", stack(), "data.source.max_pixels", "99", FILES | {"data.source.max_pixels": "9"}),
    Case("tiff_stack", stack(), "data.source.labels", "none", FILES | {"data.source.labels": "folder"}),
    Case("tiff_stack", stack(), "data.source.split", "null", FILES | {"data.source.split": "train"}),
    Case("digits", nothing, "data.source.size", "8", {"data.source.name": "digits", "data.source.size": "9"}),
    *(
        Case(
            "custom",
            nothing,
            "data.source.make",
            "'idm.data.sources.digits:Digits'",
            {"data.source.name": "custom"} | given,
        )
        for given in (
            {"data.source.make": "Digits"},
            {"data.source.make": "'no_such_module:Digits'"},
            {"data.source.make": "'json:loads'"},
        )
    ),
    Case(
        "custom",
        nothing,
        "data.source.arguments",
        "{size: 8}",
        {
            "data.source.name": "custom",
            "data.source.make": "'idm.data.sources.digits:Digits'",
            "data.source.arguments": "{sise: 8}",
        },
    ),
]


def gaps(folder):
    """An image of which one corner is missing."""
    values = np.arange(16.0).reshape(4, 4)
    values[0, 0] = np.nan
    fits.PrimaryHDU(values).writeto(folder / "a.fits")
    return folder / "a.fits"


SETTINGS_OF_ALL: list[Case] = [
    Case("arrays", npz(x=FLAT), "data.random_crop", "8", {"data.random_crop": "9"}),
    Case("arrays", npz(x=FLAT), "data.random_crop", "[4,8]", {"data.random_crop": "[4,9]"}),
    Case("arrays", npz(x=FLAT), "data.patch_size", "8", {"data.patch_size": "9"}),
    Case("arrays", npz(x=FLAT), "data.patch_size", "[4,4]", {"data.patch_size": "[4]"}),
    Case(
        "arrays",
        npz(x=FLAT[:, 0, 0]),
        "data.patch_size",
        "0",
        {"data.patch_size": "4", "data.source.spatial_dims": "0"},
    ),
    Case("arrays", npz(x=FLAT), "data.patch_size", "4", {"data.patch_stride": "2"}),
    Case("arrays", npz(x=FLAT), "data.patch_stride", "[2,4]", {"data.patch_size": "4", "data.patch_stride": "[2]"}),
    Case("fits", gaps, "data.patch_size", "2", {"data.patch_size": "4", "data.source.missing": "skip"}),
    Case(
        "arrays",
        npz(x=FLAT[:1]),
        "data.held_out",
        "0",
        {"data.patch_size": "7", "data.patch_stride": "1", "data.held_out": "0.5"},
    ),
    Case(
        "arrays",
        npz(x=FLAT[:1]),
        "data.patch_size",
        "2",
        {"data.patch_size": "7", "data.patch_stride": "1", "data.held_out": "0.5"},
    ),
    Case("arrays", npz(x=np.arange(16).reshape(8, 2)), "data.random_flip", "false", {"data.random_flip": "true"}),
    Case("arrays", npz(x=FLAT), "data.standardize", "false", {"data.standardize": "true"}),
    Case("arrays", npz(x=np.eye(8, 2) * 1e300), "data.standardize", "false", {"data.standardize": "true"}),
    Case("arrays", npz(x=SPARSE), "data.range", "values", {"data.range": "percentiles"}),
    Case("arrays", npz(x=FLAT.astype(np.int64) * 1000), "data.range", "values"),
    Case("arrays", npz(x=FAR), "data.range", "percentiles"),
    Case("arrays", npz(x=SPARSE / 7), "data.range", "[0, 1]", {"data.range": "percentiles"}),
    Case("arrays", npz(x=FLAT), "data.range", "[0, 255]", {"data.range": "[0, 256]"}),
    Case("arrays", npz(x=FLAT), "data.range", "[0, 255]", {"data.range": "[3, 2]"}),
    Case("arrays", npz(x=FLAT / np.float32(7)), "data.range", "[0, 9]", {"data.range": "[0, 1.0e+300]"}),
    Case("arrays", npz(x=FLAT), "data.held_out", "2", {"data.held_out": "99"}),
    Case("arrays", npz(x=FLAT), "data.held_out_folder", "''", {"data.held_out_folder": "val"}),
    Case("arrays", with_list, "data.held_out_list", "''", {"data.held_out_list": "names.txt"}),
    *(
        Case("image_folder", held_out, "data.held_out_list", "names.txt", {"data.held_out_list": wrong})
        for wrong in ("gone.txt", "binary.txt", "others.txt", "empty.txt")
    ),
    Case("image_folder", held_out, "data.held_out_folder", "val", {"data.held_out_folder": "test"}),
    Case(
        "image_folder",
        images((8, 8), (8, 8), names=("train/a.png", "test/b.png")),
        "data.source.split",
        "null",
        {"data.held_out_folder": "test", "data.source.split": "train"},
    ),
]


def idx(**arrays):
    """Files by name, _ for -, of uint8."""

    def make(folder):
        for name, array in arrays.items():
            head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            (folder / f"{name.replace('_', '-')}-ubyte").write_bytes(head + array.tobytes())
        return folder

    return make


WITH_WORDS = numbers("a,b,c", "1,2,x", "3,4,y", "5,6,x")
NUMBERS: list[Case] = [
    Case("numeric_csv", WITH_WORDS, "data.source.columns", "[a, b]"),
    Case("numeric_csv", WITH_WORDS, "data.source.label_column", "c"),
    Case("numeric_csv", WITH_WORDS, "data.source.columns", "[a, b]", {"data.source.columns": "[a, d]"}),
    Case("numeric_csv", numbers("a,b", "1,", "2,3"), "data.source.columns", "[a]"),
    Case("numeric_csv", numbers("a,b", "1,2", "3,4"), "data.source.columns", "[a]", {"data.source.columns": "[]"}),
    Case("numeric_csv", numbers("1,1", "2,3"), "data.source.header", "false", {"data.source.header": "true"}),
    Case("numeric_csv", numbers("a;b", "1,234;2", "3,500;4"), "data.source.decimal", "comma"),
    Case(
        "numeric_csv",
        numbers("a|b", "1|2", "3|4"),
        "data.source.delimiter",
        "'|'",
        {"data.source.name": "numeric_csv", "data.source.columns": "[a]"},
    ),
    Case(
        "numeric_csv",
        numbers("a,b", "1,2", "3,4.5"),
        "data.source.values",
        "floats",
        {"data.source.values": "integers"},
    ),
    Case(
        "numeric_csv",
        numbers("a,label", "1,0.5", "3,4"),
        "data.source.label_column",
        "none",
        {"data.source.label_column": "label"},
    ),
    Case("numeric_csv", numbers("a,split", "1,train", "2,test"), "data.source.split", "null", VAL),
]


def one_each(*names, shape=(1, 8, 8)):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{name}.npy", np.arange(math.prod(shape)).reshape(shape).astype(np.uint8) + number)
        return folder

    return make


EACH = {"data.source.name": "array_folder"}
ARRAY_FOLDERS: list[Case] = [
    Case("array_folder", one_each("a", "b"), "data.source.name", "array_folder"),
    Case("array_folder", one_each(*"abcdef", shape=UNCLEAR.shape[1:]), "data.source.channels", "first"),
    Case("array_folder", one_each(*"abcdef", shape=UNCLEAR.shape[1:]), "data.source.spatial_dims", "2"),
    Case("array_folder", one_each("a", "b"), "data.source.spatial_dims", "2", EACH | {"data.source.spatial_dims": "1"}),
    Case("array_folder", one_each("a", "b/c"), "data.source.labels", "none", EACH | {"data.source.labels": "folder"}),
    Case("array_folder", one_each("train/a", "test/b"), "data.source.split", "null", EACH | VAL),
]


def sounds(*names, length=64):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(folder / f"{name}.wav"), "wb") as file:
                file.setparams((1, 1, 8_000, length - number, "NONE", ""))
                file.writeframes(bytes(range(length - number)))
        return folder

    return make


SOUNDS: list[Case] = [
    Case("wav", sounds("a", "b"), "data.source.window", "8", {"data.source.window": "64"}),
    Case("wav", sounds("a", "b/c"), "data.source.labels", "none", {"data.source.labels": "folder"}),
    Case("wav", sounds("train/a", "test/b"), "data.source.split", "null", VAL),
]


def fits_images(*names, shape=(8, 8)):
    """Files of an image and its weights; the images of one of them miss a value."""

    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            image = np.arange(math.prod(shape)).reshape(shape).astype("i4") + number
            image.reshape(-1)[:1] = -9 if "gap" in name else 0
            units = [fits.PrimaryHDU(), fits.ImageHDU(image, name="SCI"), fits.ImageHDU(image[..., :4], name="WHT")]
            units[1].header["BLANK"] = -9
            fits.HDUList(units).writeto(folder / f"{name}.fits")
        return folder

    return make


def fits_table(folder):
    values = np.arange(8 * 16).reshape(8, 4, 4).astype("f4")
    columns = [fits.Column(name, "16E", dim="(4,4)", array=values) for name in ("g", "r")]
    kinds = fits.Column("kind", "A", array=list("abababab"))
    fits.BinTableHDU.from_columns([*columns, kinds]).writeto(folder / "a.fits")
    return folder / "a.fits"


FILL = {"data.source.missing": "fill", "data.source.fill": "0.5"}
COLUMN = {"data.source.column": "g"}
DIM = "data.source.spatial_dims"


def fits_labels(folder):
    columns = [
        fits.Column("label", "I", null=-1, array=[0, -1] * 4),
        fits.Column("x", "64E", dim="(8,8)", array=FLAT[:, 0]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "a.fits")
    return folder


FITS: list[Case] = [
    Case("fits", fits_labels, "data.source.label_column", "none"),
    Case("fits", fits_images("a", "b"), "data.source.hdu", "wht", {"data.source.hdu": "3"}),
    Case("fits", fits_images("a", "b"), "data.source.hdu", "1", {"data.source.hdu": "0"}),
    Case("fits", fits_table, "data.source.column", "g"),
    Case("fits", fits_table, "data.source.column", "g", {"data.source.column": "kind"}),
    Case("fits", fits_table, "data.source.label_column", "kind", COLUMN | {"data.source.label_column": "sort"}),
    Case("fits", fits_table, "data.source.label_column", "none", COLUMN | {"data.source.label_column": "r"}),
    Case("fits", fits_images("a", "gap", "b"), "data.source.missing", "skip"),
    Case("fits", fits_images("gap"), "data.source.missing", "fill", {"data.source.missing": "skip"}),
    Case("fits", fits_images("a", "gap"), "data.source.fill", "-1", FILL),
    Case("fits", fits_images("a", "b/c"), "data.source.labels", "none", {"data.source.labels": "folder"}),
    Case("fits", fits_images("train/a", "test/b"), "data.source.split", "null", VAL),
    Case("fits", fits_images("a", "b", shape=UNCLEAR.shape[1:]), "data.source.channels", "first"),
    Case("fits", fits_images("a", "b", shape=UNCLEAR.shape[1:]), DIM, "2"),
    Case("fits", fits_images("a", "b", shape=(3, 8, 8)), DIM, "2", {DIM: "1"}),
]


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


VARIABLES, LABELLED, SPACE = "data.source.variables", "data.source.label_variable", "data.source.channel_axes"
IMAGES_OF = netcdf(a={"t": ("abc", (8, 8, 8)), "z": ("bc", (8, 8)), "sort": ("a", (8,))})
DEEP = netcdf(a={"t": ("abcde", (8, 2, 8, 8, 8))})
NETCDF: list[Case] = [
    Case("netcdf", IMAGES_OF, VARIABLES, "[t]", {VARIABLES: "[u]"}),
    Case("netcdf", IMAGES_OF, VARIABLES, "[t]", {VARIABLES: "[t, z]"}),
    Case("netcdf", netcdf(a={"t": ("ab", (8, 8)), "u": ("ab", (8, 8))}, b={"t": ("ab", (8, 8))}), VARIABLES, "[t]"),
    Case("netcdf", IMAGES_OF, "data.source.sample_axes", "[a]", {"data.source.sample_axes": "[d]"}),
    Case("netcdf", IMAGES_OF, SPACE, "[b]", {SPACE: "[d]"}),
    Case("netcdf", DEEP, SPACE, "[b]"),
    Case("netcdf", DEEP, "data.source.sample_axes", "[a, b]"),
    Case("netcdf", IMAGES_OF, LABELLED, "sort", {LABELLED: "kind"}),
    Case("netcdf", IMAGES_OF, LABELLED, "none", {LABELLED: "z"}),
    Case("netcdf", scaled_labels, LABELLED, "none", {LABELLED: "sort"}),
    Case("netcdf", missing_labels, LABELLED, "none", {LABELLED: "sort"}),
    Case("netcdf", netcdf(a={"t": ("ab", (8, 8)), "v": ("abb", (8, 8, 8))}), VARIABLES, "[t]", {VARIABLES: "[v]"}),
    Case("netcdf", IMAGES_OF, "data.source.sample_axes", "[b]", {SPACE: "[a]"}),
    Case("netcdf", IMAGES_OF, SPACE, "[b]", {SPACE: "[a]"}),
    Case("netcdf", unnamed_axes, "data.source.name", "hdf5"),
    Case("netcdf", netcdf(train={"t": ("ab", (8, 8))}, test={"t": ("ab", (8, 8))}), "data.source.split", "null", VAL),
]


def slices(*series):
    """Files of slices by name, each with the identifier of its series and its number there."""

    def make(folder):
        for name, identifier, number in series:
            told = {"SeriesInstanceUID": identifier, "InstanceNumber": number}
            write_dicom(folder / f"{name}.dcm", FLAT[number, 0], **told)
        return folder

    return make


LABELS = "data.source.labels"
VOLUMES = {"data.source.samples": "volumes"}
DICOM: list[Case] = [
    Case("dicom", slices(("a", "1", 1), ("b", "1", 2), ("c", "2", 1)), "data.source.samples", "slices", VOLUMES),
    Case("dicom", slices(("a", "1", 1), ("b", "1", 1)), "data.source.samples", "slices", VOLUMES),
    Case(
        "dicom", slices(("a_0", "1", 1), ("b", "1", 1)), "data.source.labels", "none", {"data.source.labels": "prefix"}
    ),
    Case("dicom", slices(("train/a", "1", 1), ("test/b", "2", 1)), "data.source.split", "null", VAL),
]


def recordings(*names, **options):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            values = np.arange(80).reshape(2, 40).astype(np.int16)[:, : 40 - 10 * number]
            (folder / f"{name}.edf").write_bytes(edf_of(values, **options))
        return folder

    return make


def flacs(*names):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}.flac", np.arange(40 - number).astype(np.int16), 8_000)
        return folder

    return make


SIGNALS = "data.source.signals"
SIGNALS_IN_FILES: list[Case] = [
    Case("edf", recordings("a", "b"), "data.source.window", "8", {"data.source.window": "40"}),
    Case("edf", recordings("a", "b"), SIGNALS, "[s1]", {SIGNALS: "[s2]"}),
    Case("edf", recordings("a", per_record=(10, 5)), SIGNALS, "[s1]", {SIGNALS: "[s0, s1]"}),
    Case("edf", recordings("a", "b/c"), LABELS, "none", {LABELS: "folder"}),
    Case("edf", recordings("a", "b"), LABELS, "none", {LABELS: "annotations"}),
    Case("edf", recordings("train/a", "test/b"), "data.source.split", "null", VAL),
    Case("sound", flacs("a", "b"), "data.source.window", "8", {"data.source.window": "40"}),
    Case("sound", flacs("a", "b/c"), LABELS, "none", {LABELS: "folder"}),
    Case("sound", flacs("train/a", "test/b"), "data.source.split", "null", VAL),
]


def bands(*names):
    def make(folder):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            values = np.arange(4 * 5 * 7).reshape(4, 5, 7).astype("u2")
            tifffile.imwrite(folder / f"{name}.tif", values, photometric="minisblack", planarconfig="contig")
        return folder

    return make


TIFFS: list[Case] = [
    Case("tiff", bands("a", "b/c"), LABELS, "none", {LABELS: "folder"}),
    Case("tiff", bands("train/a", "test/b"), "data.source.split", "null", VAL),
]
BYTES = KINDS.astype(np.uint8)
PATIENTS = KINDS // 2
GROUPS: list[Case] = [
    Case("arrays", npz(x=FLAT, patient=PATIENTS), "data.group_by", "patient", {"data.group_by": "doctor"}),
    Case("arrays", npz(x=FLAT, who=PATIENTS, at=PATIENTS[:7]), "data.group_by", "who", {"data.group_by": "at"}),
    Case("arrays", npz(x=FLAT, who=PATIENTS, at=UNCLEAR[:, 0, 0]), "data.group_by", "who", {"data.group_by": "at"}),
    Case("arrays", npz(x=FLAT, who=PATIENTS, at=PATIENTS / 2), "data.group_by", "who", {"data.group_by": "at"}),
    Case("arrays", npz(x=FLAT, who=KINDS * 0), "data.held_out", "0", {"data.group_by": "who"}),
    *(
        Case("arrays", npz(x=FLAT, age=KINDS, at=at), "data.attributes", "age", {"data.attributes": name})
        for name, at in (
            ("when", KINDS),
            ("at", KINDS * 0),
            ("at", KINDS * np.nan),
            ("at", KINDS * 1e300),
            ("at", np.array([*"abcdefgh"])),
            ("at", np.arange(8 * 5_000).reshape(8, -1)),
        )
    ),
    Case("arrays", npz(x=FLAT), "data.group_pattern", "[]", {"data.group_pattern": "(*)"}),
    Case("image_folder", held_out, "data.group_by", "''", {"data.group_by": "patient"}),
    *(
        Case("image_folder", held_out, "data.group_pattern", "**/(*).png", {"data.group_pattern": wrong})
        for wrong in ("*", "[(*)", "(**)b", "[b-a](*)", "(*)/*")
    ),
    *(
        Case("image_folder", held_out, option, value, {"data.group_pattern": "**/*(g)", option: given})
        for option, value, given in (
            ("data.held_out_list", "''", "names.txt"),
            ("data.held_out_folder", "''", "val"),
        )
    ),
]
IDX: list[Case] = [
    Case("idx", idx(x_idx4=UNCLEAR), "data.source.channels", "first"),
    Case("idx", idx(x_idx4=UNCLEAR), "data.source.spatial_dims", "2"),
    Case("idx", idx(x_idx4=FLAT), "data.source.spatial_dims", "2", {"data.source.spatial_dims": "1"}),
    Case("idx", idx(images_idx4=FLAT, labels_idx1=BYTES[:7]), "data.source.labels", "none"),
    Case("idx", idx(train_idx4=FLAT, t10k_idx4=FLAT), "data.source.split", "null", VAL),
]
COARSE = {"data.condition.name": "arrays", "data.condition.path": "coarse.npy"}


def with_coarse(folder: Path) -> Path:
    """Images, and conditions of half their size beside them."""
    np.save(folder / "coarse.npy", FLAT[:, :, ::2, ::2])
    return npy(FLAT)(folder)


CONDITIONS = [
    Case("arrays", with_coarse, "data.random_crop", "0", COARSE | {"data.random_crop": "4"}),
    Case("arrays", with_coarse, "data.patch_size", "4", COARSE | {"data.patch_size": "3"}),
    Case("arrays", with_coarse, "data.patch_stride", "2", COARSE | {"data.patch_size": "4", "data.patch_stride": "3"}),
    Case("arrays", with_coarse, "data.condition.channels", "first", COARSE | {"data.condition.channels": "none"}),
]
CASES = [
    *ARRAYS,
    *ARRAY_FOLDERS,
    *NUMBERS,
    *GROUPS,
    *CONDITIONS,
    *IDX,
    *SOUNDS,
    *DICOM,
    *SIGNALS_IN_FILES,
    *TIFFS,
    *FITS,
    *NETCDF,
    *IMAGES,
    *FILES_OF_ONE_KIND,
    *SETTINGS_OF_ALL,
]
