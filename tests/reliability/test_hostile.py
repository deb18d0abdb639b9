"""Hostile data and settings are refused at little cost, and nothing in them is run or waited for.

For those in checkpoints see tests/unit/storage/test_damage.py, for images tests/unit/data/zoo.py.
"""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pyarrow
import pytest
import soundfile
import zarr
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES, infer_source
from idm.settings import Experiment, resolve

from .. import dicoms
from ..edfs import edf_of, numbers
from ..hostile import PROMISE, Canary, cheap


def npy(header):
    """A .npy file of that header, with 64 bytes of data."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(64)


def npy_of(*shape):
    return npy(repr({"descr": "<f4", "fortran_order": False, "shape": shape}))


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def member(name, size, kind=b"0", content=b""):
    """A file in a tar archive, or what stands for one, of a size that is not that of its content."""
    digits = b"\xff" + (size + 256**11).to_bytes(11, "big") if size < 0 else b"\x80" + size.to_bytes(11, "big")
    head = name.ljust(124, b"\0") + digits + bytes(12) + b" " * 8 + kind + bytes(100) + b"ustar\0" + b"00"
    head = head.ljust(512, b"\0")
    head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
    return head + content.ljust(-(-len(content) // 512) * 512, b"\0")


def tar(*members):
    return b"".join(members) + bytes(1024)


def index(source="image_folder", **entry):
    """An index of data in the folder where it lies."""

    def write(path):
        head = {"idm_index": 1, "source": source, "folder": str(path.parent), "file": ""}
        head |= {"image_size": None, "class_names": None}
        entries = {"path": "a.png", "num_bytes": 8, "sha256": "0" * 64} | entry
        path.write_text(f"{json.dumps(head)}\n{json.dumps(entries)}\n")

    return write


def index_of_a_pipe(path):
    os.mkfifo(path.with_name("a.tar"))
    index(archive="a.tar")(path)


def maze(path):
    """Groups that each lead to another one under two names: 2**40 paths to a group without data."""
    with h5py.File(path, "w") as file:
        below = file.create_group("0")
        for number in range(1, 41):
            above = file.create_group(str(number))
            above["left"] = above["right"] = below
            below = above


def hollow_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**20, 64, 64), "f4", chunks=(1, 64, 64))


def hollow_zarr(path):
    zarr.open(str(path), mode="w", shape=(2**20, 64, 64), chunks=(1, 64, 64), dtype="f4")


def many_labels(create):
    """Four samples, and millions of labels of which nothing is stored."""
    create("x", shape=(4, 8), dtype="f4", chunks=(4, 8))
    create("labels", shape=(2**25,), dtype="S1", chunks=(2**16,))


def long_labels(create):
    """Four samples, and a label for each, of 64 MB of which nothing is stored."""
    create("x", shape=(4, 8), dtype="f4", chunks=(4, 8))
    create("labels", shape=(4,), dtype="S67108864", chunks=(1,))


def in_hdf5(fill):
    def write(path):
        with h5py.File(path, "w") as file:
            fill(file.create_dataset)

    return write


def in_zarr(fill):
    return lambda path: fill(zarr.open_group(str(path), mode="w", zarr_format=2).create_array)


def offset_below_zero(path):
    """A saved data set whose column of bytes says that a value ends before it begins."""
    path.mkdir()
    offsets = pyarrow.py_buffer(np.array([0, -(2**31), 4], "i4"))
    column = pyarrow.Array.from_buffers(pyarrow.binary(), 2, [None, offsets, pyarrow.py_buffer(b"abcd")])
    table = pyarrow.table({"image": column})
    with pyarrow.OSFile(str(path / "data.arrow"), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    (path / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (path / "dataset_info.json").write_text("{}")


def with_a_pipe(pipe, **texts):
    """A folder with a pipe, which nobody writes to, and small files."""

    def write(path):
        (path / pipe).parent.mkdir(parents=True)
        os.mkfifo(path / pipe)
        for name, text in texts.items():
            (path / name.replace("_json", ".json")).write_text(text)

    return write


def with_a_canary(save):
    """What ``save(path, canary)`` writes."""
    return lambda path: save(path, Canary(path.with_name("canary")))


def sound(parts):
    """A WAV file of a channel of 16 bits, with those parts after its format."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    return b"RIFF" + struct.pack("<I", 0) + b"WAVEfmt " + form + parts


def fits_of(*cards, packed=False):
    """A FITS file of one unit with those cards, and 64 bytes of data."""
    content = b"".join(card.ljust(80).encode() for card in ("SIMPLE  =                    T", *cards, "END"))
    content = content.ljust(-(-len(content) // 2880) * 2880) + bytes(64)
    return gzip.compress(content) if packed else content


def fits_image(*sizes, bitpix=-32, **options):
    axes = [f"NAXIS{number}  = {size:20}" for number, size in enumerate(sizes, 1)]
    return fits_of(f"BITPIX  = {bitpix:20}", f"NAXIS   = {len(sizes):20}", *axes, **options)


def netcdf_of(*sizes, records=0, attributes=bytes(8)):
    """A classic NetCDF file of a variable x of bytes, whose first axis grows, and 64 bytes of data."""

    def n(number):
        return struct.pack(">I", number)

    axes = b"".join(n(1) + bytes([97 + number]) + bytes(3) + n(size) for number, size in enumerate((0, *sizes)))
    numbers = b"".join(map(n, range(len(sizes) + 1)))
    variable = n(1) + b"x\0\0\0" + n(len(sizes) + 1) + numbers + attributes + n(1) + n(0)
    head = b"CDF\1" + n(records) + n(10) + n(len(sizes) + 1) + axes + bytes(8) + n(11) + n(1) + variable
    return head + n(len(head) + 4) + bytes(64)


def netcdf_elsewhere(path):
    """Variables that lie in another file."""
    with h5py.File(path.with_name("other.nc"), "w") as file:
        file["x"] = np.zeros((4, 8))
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("other.nc", "x")
        file.create_dataset("y", (4, 8), "f8", external=[("/dev/zero", 0, 256)])


def dicom(syntax=ExplicitVRLittleEndian, **told):
    def write(path):
        dicoms.write(path, np.zeros((8, 8), "u1"), syntax=syntax, **told)

    return write


def dicom_in_itself(path):
    """Sequences in sequences, a hundred thousand deep."""
    dicom()(path)
    deep = (b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 100_000
    content = path.read_bytes()
    place = content.index(b"\x20\x00\x0e\x00")
    path.write_bytes(content[:place] + deep)


def flac_of(frames):
    """A FLAC file of a second that declares so many frames."""
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(8_000, np.int16), 8_000, format="FLAC")
    content = stream.getvalue()
    (said,) = struct.unpack(">Q", content[18:26])
    return content[:18] + struct.pack(">Q", said >> 36 << 36 | frames) + content[26:]


def tiff_of(width, height, after=0):
    """A TIFF file of a page of 64-bit floats, with the place of the next page, and 64 bytes of data."""
    numbers = {256: width, 257: height, 258: 64, 259: 1, 262: 1, 273: 150, 277: 1, 278: height, 279: 2**31, 339: 3}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in numbers.items())
    return b"II*\0" + struct.pack("<IH", 8, len(numbers)) + entries + struct.pack("<I", after) + bytes(80)


CODE = "__import__('pathlib').Path('{}').touch()"
ONE = member(b"a.png", 4, content=b"abcd")
DATA = {
    "code in the header.npy": with_a_canary(lambda path, c: path.write_bytes(npy(CODE.format(c.path)))),
    "a tebibyte that is not there.npy": npy_of(2**37, 2),
    "a shape below zero.npy": npy_of(-1, 4),
    "a shape beyond all numbers.npy": npy_of(2**62, 2**62),
    "an object.npy": with_a_canary(lambda path, c: np.save(path, np.array([c]), allow_pickle=True)),
    "an object.npz": with_a_canary(lambda path, c: np.savez(path, x=np.array([c]))),
    "a pickle.npz": with_a_canary(lambda path, c: path.write_bytes(zipped({"x": pickle.dumps(c)}))),
    "a gigabyte that is not there.npz": zipped({"x.npy": npy_of(2**26, 4)}),
    "more than all memory.npz": zipped({"x.npy": npy_of(2**37, 4)}),
    "a gigabyte that is not there.idx": struct.pack(">I3I", 0x803, 2**20, 32, 32) + bytes(99),
    "more than all memory.idx": struct.pack(">I3I", 0x803, *(2**32 - 1,) * 3) + bytes(99),
    "a gigabyte that is not there.idx.gz": gzip.compress(struct.pack(">I3I", 0x803, 2**20, 32, 32) + bytes(99)),
    "more than is declared.idx.gz": gzip.compress(struct.pack(">I3I", 0x803, 1, 2, 2) + bytes(2**26)),
    "255 axes.idx": struct.pack(">I255I", 0x8FF, *(1,) * 255) + bytes(1),
    "a million columns.tsv": b"a\t" * 1_000_000,
    "a long number.tsv": b"a\tb\n1\t" + b"9" * 100_000,
    "a device in a column.csv": b"a,b\n1,/dev/zero\n",
    "more than is stored.wav": sound(b"data" + struct.pack("<I", 2**31)),
    "parts without end.wav": sound(bytes(2**24)),
    "a part of 4 GB.wav": sound(b"LIST" + struct.pack("<I", 2**32 - 2)),
    "more than all memory.wav": sound(b"ds64" + struct.pack("<IQQQ", 24, 2**63, 2**63, 2**63) + b"data" + b"\xff" * 4),
    "more than all memory.fits": fits_image(2**40, 2**20),
    "a gigabyte that is not there.fits": fits_image(2**14, 2**14),
    "a gigabyte that is not there.fits.gz": fits_image(2**14, 2**14, packed=True),
    "sizes below zero.fits": fits_image(-4, 8),
    "999 axes.fits": fits_image(*[1] * 999),
    "no bits.fits": fits_image(8, 8, bitpix=7),
    "a million axes.fits": fits_of("BITPIX  =                    8", f"NAXIS   = {10**6:20}"),
    "more than all memory.nc": netcdf_of(2**31, 2**31, records=2**31),
    "a gigabyte that is not there.nc": netcdf_of(2**10, records=2**20),
    "records of nothing.nc": netcdf_of(0, records=2**32 - 1),
    "attributes without end.nc": netcdf_of(8, records=8, attributes=struct.pack(">II", 12, 2**32 - 1)),
    "variables elsewhere.nc": netcdf_elsewhere,
    "a maze.nc": maze,
    "more than is stored.nc": hollow_hdf5,
    "a gigabyte that is not there.dcm": dicom(Rows=60_000, Columns=60_000),
    "frames that are not there.dcm": dicom(NumberOfFrames=2**31 - 1),
    "packed.dcm": dicom(DeflatedExplicitVRLittleEndian),
    "sequences in sequences.dcm": dicom_in_itself,
    "more than is stored.edf": edf_of(numbers(1, 40), records=10**7),
    "9,999 signals.edf": edf_of(numbers(1, 40))[:252] + b"9999" + bytes(256),
    "numbers without end.edf": edf_of(numbers(1, 40)).replace(b"10      ", b"9" * 8),
    "more than all memory.flac": flac_of(2**36 - 1),
    "no header.flac": b"fLaC" + b"\x01\xff\xff\xff" * 100_000,
    "more than all memory.tif": tiff_of(2**31, 2**31),
    "a gigabyte that is not there.tif": tiff_of(2**14, 2**14),
    "itself next.tif": tiff_of(8, 8, after=8),
    "before itself.tar": tar(ONE, member(b"b.png", -512)),
    "before itself, hidden.tar": tar(ONE, member(b".b.png", -512)),
    "before itself, by a note.tar": tar(ONE, member(b"note", 14, b"x", b"14 size=-1536\n"), member(b"b.png", 0)),
    "a long name below zero.tar": tar(ONE, member(b"b.png", -512, b"L")),
    "a long name without end.tar": tar(ONE, member(b"b.png", 2**62, b"L")),
    "a device.tar": tar(ONE, member(b"b.png", 0, b"3")),
    "shards with a pipe": with_a_pipe("a.tar"),
    "a store with a pipe": with_a_pipe("x/zarr.json", zarr_json="{}"),
    "a table with a pipe": with_a_pipe("dataset_info.json", state_json='{"_data_files": []}'),
    "a maze.h5": maze,
    "more than is stored.h5": hollow_hdf5,
    "more than is stored.zarr": hollow_zarr,
    "many labels.h5": in_hdf5(many_labels),
    "many labels.zarr": in_zarr(many_labels),
    "long labels.h5": in_hdf5(long_labels),
    "long labels.zarr": in_zarr(long_labels),
    "an offset below zero": offset_below_zero,
    "a device.csv": b"path\n/dev/zero\n",
    "memory.csv": b"path\n/proc/self/mem\n",
    "a nul.csv": b"path\na\0.png\n",
    "a long name.csv": b"path\n" + b"x" * 100_000,
    "a long cell.csv": b"path\n" + b"x" * 1_000_000,
    "a device.jsonl": index(archive="/dev/zero", num_bytes=2**33),
    "a device to its end.jsonl": index(archive="/dev/zero", num_bytes=-1),
    "a pipe.jsonl": index_of_a_pipe,
    "itself.jsonl": index(source="index"),
    "code.jsonl": index(source="custom"),
    "deep.jsonl": b"[" * 1_000_000,
}
ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
SETTINGS = {
    "a call.yaml": "seed: !!python/object/apply:os.system ['touch CANARY']",
    "an object.yaml": "seed: !!python/object/new:pathlib.Path [CANARY]",
    "a module.yaml": "seed: !!python/module:antigravity",
    "many aliases.yaml": ALIASES,
    "an alias of itself.yaml": "seed: &a [*a]",
    "a mapping of itself.yaml": "&a {seed: *a}",
    "deep.yaml": "seed: " + "[" * 5_000,
    "deep blocks.yaml": "".join(" " * depth + "a:\n" for depth in range(3_000)),
    "deep.toml": "seed = " + "[" * 100_000,
    "a long number.toml": "seed = " + "9" * 100_000,
}


@pytest.mark.parametrize("kind", DATA)
def test_hostile_data_are_refused_and_run_nothing(tmp_path, kind, record):
    path, content = tmp_path / kind, DATA[kind]
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    with pytest.raises(DataError) as error:
        cheap(lambda: SOURCES.build(*infer_source(path)))
    assert len(error.value.lines) == 1
    assert not (tmp_path / "canary").exists()
    record(PROMISE, 1)


@pytest.mark.parametrize("kind", SETTINGS)
def test_hostile_settings_are_refused_and_run_nothing(tmp_path, kind, record):
    (tmp_path / kind).write_text(SETTINGS[kind].replace("CANARY", str(tmp_path / "canary")))
    with pytest.raises(SettingsError, match=kind):
        cheap(lambda: resolve(Experiment(), file=tmp_path / kind))
    assert not (tmp_path / "canary").exists()
    record(PROMISE, 1)
