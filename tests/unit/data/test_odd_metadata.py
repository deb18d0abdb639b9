"""What is said beside the data may be damaged or odd: sound data are read, and others refused by name in one line."""

import json
import math
import struct

import h5py
import numpy as np
import pyarrow
import pytest
import zarr
from PIL import Image, TiffImagePlugin
from pyarrow import parquet

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, ImageFolder
from idm.data.check import check_located, check_path, thumbnail

X = np.random.default_rng(0).integers(0, 256, (6, 1, 8), dtype=np.uint8)


ORIENTATIONS = {
    "text": (2, 2, b"6\0\0\0"),
    "a byte": (1, 1, b"\6\0\0\0"),
    "bytes": (7, 4, b"6666"),
    "not a number": (11, 1, struct.pack("<f", math.nan)),
    "a share": (11, 1, struct.pack("<f", 6.5)),
    "nought": (3, 1, b"\0\0\0\0"),
    "too much": (3, 1, b"\x63\0\0\0"),
}
"""Type, count and value of an EXIF tag of orientation, none of which is one of 1 to 8."""


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("kind", ORIENTATIONS)
def test_an_orientation_of_another_kind_counts_for_nothing(tmp_path, suffix, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 5, 3), dtype=np.uint8)
    number, count, value = ORIENTATIONS[kind]
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, number, count) + value + bytes(4)
    plain, tagged = tmp_path / "plain", tmp_path / "tagged"
    for folder, further in ((plain, {}), (tagged, {"exif": exif})):
        folder.mkdir()
        Image.fromarray(pixels).save(folder / f"a.{suffix}", **further)
    np.testing.assert_array_equal(ImageFolder(tagged)[0], ImageFolder(plain)[0])
    (entry,) = check_path(tagged).files
    assert (entry.refusal, entry.conversions) == (None, ())
    assert thumbnail(tagged / f"a.{suffix}", 64).size == (5, 8)


def test_an_orientation_of_another_kind_in_a_tiff_counts_for_nothing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 5, 3), dtype=np.uint8)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x0112], tags.tagtype[0x0112] = "6", 2
    Image.fromarray(pixels).save(tmp_path / "a.tif", tiffinfo=tags)
    np.testing.assert_array_equal(ImageFolder(tmp_path)[0], pixels.transpose(2, 0, 1))
    assert check_path(tmp_path).files[0].refusal is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_refuse_sound_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    np.testing.assert_array_equal(ImageFolder(tmp_path)[0], pixels.transpose(2, 0, 1))
    assert check_path(tmp_path).refusals == ()


def overwrite(path, content):
    """Put other bytes in place of some of a file's."""
    whole = path.read_bytes()
    assert whole.count(content) == 1
    path.write_bytes(whole.replace(content, bytes(byte ^ 0x5A for byte in content)))


def test_damaged_labels_in_hdf5_are_refused_by_the_name_of_the_file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
        labels = file.create_dataset("labels", data=np.arange(6), compression="gzip", chunks=(6,))
        packed = labels.id.read_direct_chunk((0,))[1]
    overwrite(tmp_path / "a.h5", packed)
    with pytest.raises(UnreadableFileError, match=r"a\.h5: cannot be read as an HDF5 file \(.*\); write it") as error:
        SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5")})
    assert len(error.value.lines) == 1


@pytest.mark.parametrize("labels", ["no values", "a record", "bytes that are no text"])
def test_odd_labels_in_hdf5_are_refused_in_one_line(tmp_path, labels):
    odd = {
        "no values": lambda file: h5py.Empty("f8"),
        "a record": lambda file: np.zeros(6, [("a", "i4"), ("b", "f8")]),
        "bytes that are no text": lambda file: np.array([b"\xff\xfe"] * 6, h5py.string_dtype()),
    }
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["labels"] = X, odd[labels](file)
    with pytest.raises(DataError, match=r"a\.h5: ") as error:
        SOURCES.build("hdf5", {"path": str(tmp_path / "a.h5")})
    assert len(error.value.lines) == 1


def test_damaged_labels_in_zarr_are_refused_by_the_name_of_the_store(tmp_path):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    group.create_array("x", data=X)
    group.create_array("labels", data=np.arange(6))
    (chunk,) = [path for path in (tmp_path / "a.zarr" / "labels" / "c").rglob("*") if path.is_file()]
    chunk.write_bytes(b"no chunk")
    with pytest.raises(UnreadableFileError, match=r"a\.zarr: cannot be read as a Zarr store \(.*\); write it") as error:
        SOURCES.build("zarr", {"path": str(tmp_path / "a.zarr")})
    assert len(error.value.lines) == 1


@pytest.mark.parametrize(
    "noted",
    [
        b"no JSON",
        b"\xff",
        b"[1]",
        b"[]",
        b"null",
        b'{"info": null}',
        b'{"info": {"features": {"label": {"names": 5}}}}',
        b'{"info": {"features": {"label": {"names": {"a": 1}}}}}',
        b'{"info": {"features": {"label": {"names": ["a", 3]}}}}',
        b'{"info": {"features": {"label": {"names": ["a"]}}}}',
        b'{"info": {"features": {"label": [1, 2]}}}',
        b'{"info": {"features": 3}}',
    ],
)
def test_odd_metadata_of_a_table_are_refused_by_name_or_count_for_nothing(tmp_path, noted):
    table = pyarrow.table({"x": X[:, 0].tolist(), "label": np.arange(6) % 2})
    parquet.write_table(table.replace_schema_metadata({b"huggingface": noted}), tmp_path / "a.parquet")
    try:
        source = SOURCES.build("table", {"path": str(tmp_path / "a.parquet")})
    except DataError as error:
        (line,) = error.lines
        assert line.startswith(f"{tmp_path}/a.parquet: ")
        assert noted in (b"no JSON", b"\xff") or b"names" in noted
    else:
        assert source.class_names == ("0", "1")


@pytest.mark.parametrize("size", [5_657, 10**9, 2**31, 2**70])
def test_a_size_that_no_memory_holds_is_refused_by_training_and_check(tmp_path, size):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    options = {"path": str(tmp_path), "image_size": size, "upscale": True}
    with pytest.raises(DataError, match=rf"image_size: at most 5,656 wanted, got {size:,}"):
        SOURCES.build("image_folder", options)
    assert check_located("image_folder", options).refusals
    index = check_path(tmp_path).index
    head, line = index.to_text().splitlines()
    (tmp_path / "index.jsonl").write_text(json.dumps(json.loads(head) | {"image_size": size}) + f"\n{line}\n")
    assert "image_size: at most 5,656 wanted" in check_path(tmp_path / "index.jsonl").refusals[0]
