"""Folders of images and files of arrays, some of them damaged or odd."""

import gzip
import io
import json
import math
import random
import shutil
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import h5py
import nibabel
import numpy as np
import soundfile
import tifffile
from astropy.io import fits
from PIL import Image
from scipy.io import netcdf_file

from idm.cli import main

from .. import dicoms
from ..edfs import edf_of, note, numbers
from ..unit.data.zoo import BY_ACTION, BY_CONTENT
from .checkpoints import make_runs
from .configs import SHORT
from .harness import Make
from .mutations import damaged, misspelt

PIXELS = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
SMALL = ("network.model_channels=8", "network.num_res_blocks=1", "network.channel_mult=[1]", "network.num_heads=1")
TRAIN = ["--set=network.attention_resolutions=[]", *(f"--set={part}" for part in SMALL), *SHORT[2:], "--device", "cpu"]


def image(kind: str, pixels: np.ndarray = PIXELS, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind, **options)
    return stream.getvalue()


IMAGES = {
    "png": image("PNG"),
    "jpg": image("JPEG"),
    "webp": image("WEBP", lossless=True),
    "bmp": image("BMP"),
    "tif": image("TIFF"),
}
GREY = {kind: image(name, PIXELS[..., 0]) for kind, name in (("png", "PNG"), ("jpg", "JPEG"), ("tif", "TIFF"))}


def make_folders(folder: Path) -> Make:
    """Return what makes folders of images and files of arrays; two runs are trained to score them with."""
    make_runs(folder)
    return _make


def _make(rng: random.Random, folder: Path):
    fill = rng.choices([_images, _arrays], [3, 1])[0]
    path = fill(folder / "data", rng)
    kind = rng.random()
    if kind < 0.5:
        out = ["--out", "checked"] if rng.random() < 0.3 else []
        return lambda: main(["check-data", str(path), *out])
    if kind < 0.85:
        return lambda: main(["train", "--data", str(path), "--out", "run", *TRAIN])
    shutil.copytree(folder.parent / "digits", folder / "run")
    file = rng.choice([*sorted(path.iterdir()), path]) if path.is_dir() else path
    if kind < 0.95:
        return lambda: main(["encode", "run", str(file), "--steps", "2", "--device", "cpu"])
    return lambda: main(["evaluate", "run", "--data", str(path), "--num", "2", "--device", "cpu"])


def _images(folder: Path, rng: random.Random) -> Path:
    """Up to six images of one kind, in one folder or two, of which up to two are damaged or of another kind."""
    content = rng.choice([IMAGES, IMAGES, GREY])
    suffix = rng.choice(sorted(content))
    places = ["", "", "cats/", "dogs/"] if rng.random() < 0.3 else [""]
    for number in range(rng.choice([0, 1, 2, 4, 6, 6])):
        _write(folder / f"{rng.choice(places)}{number}.{suffix}", content[suffix])
    for _ in range(rng.choice([0, 1, 1, 2])):
        name = rng.choice([f"1.{suffix}", f"x.{rng.choice(sorted(IMAGES))}", f"Ü {misspelt('name', rng)}.png"])
        kind = rng.random()
        if kind < 0.65:
            _write(folder / name, damaged(content[suffix], rng))
        elif kind < 0.95:
            other = rng.choice(sorted(BY_CONTENT))
            _write(folder / Path(other).name, BY_CONTENT[other][0])
        else:
            other = rng.choice(sorted(BY_ACTION))
            folder.mkdir(exist_ok=True)
            if not (folder / other).exists() and not (folder / other).is_symlink():
                BY_ACTION[other][0](folder / other)
    if not folder.exists() and rng.random() < 0.8:
        folder.mkdir()
    return folder


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _npy(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    dtype = rng.choice(["f4", "f8", "u1", "u2", "i4", "f2", "c8", "?", "O", "U3", "M8[s]", "f16", ">f4"])
    shape = rng.choice(
        [(6, 2), (6, 1, 8, 8), (6, 8, 8), (6,), (), (0, 2), (6, 0), (1, 2), (6, 3, 4, 4, 4), (2, 1, 1, 1, 1, 1)]
    )
    values = np.arange(max(int(np.prod(shape)), 1))[: int(np.prod(shape))].reshape(shape)
    with np.errstate(all="ignore"):
        data = values.astype(dtype)
    if data.dtype.kind == "f" and data.size and rng.random() < 0.2:
        data.flat[0] = rng.choice([np.nan, np.inf, -np.inf])
    np.save(stream, data, allow_pickle=True)
    return stream.getvalue()


def _npz(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    data = np.arange(48, dtype=np.float32).reshape(6, 8)
    labels = rng.choice([np.arange(6), np.arange(5), np.zeros(6), np.array(list("abcdef")), np.full(6, -1), np.eye(6)])
    np.savez(stream, **{rng.choice(["data", "x", "y", "ü"]): data, rng.choice(["labels", "y", "extra"]): labels})
    return stream.getvalue()


def _csv(rng: random.Random) -> bytes:
    rows = ["path,label", "../0.png,1", "../0.png,2", "../0.png,1"]
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(rows))
        rows[at] = rng.choice(
            ["", ",", "a,b,c,d", '"', "../0.png", "path,path", "missing.png,1", "../0.png,é", "\x00,1"]
        )
    return "\n".join(rows).encode()


def _numbers(rng: random.Random) -> bytes:
    mark = rng.choice(",;\t|")
    rows = [[f"{rng.choice([rng.gauss(0, 1), rng.randrange(9)])}" for _ in range(3)] for _ in range(rng.choice([1, 8]))]
    names = rng.choice([["a", "b", "label"], ["", "x", "split"], ["path", "y", "x"], ["a", "a", "é"], None])
    for _ in range(rng.randrange(3)):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(
            ["", "NA", "inf", "1e999", "train", "0.png", '"', "1_0", "\x00", "9" * 99]
        )
    return "\n".join(mark.join(row) for row in ([names] if names else []) + rows).encode()


def _idx(rng: random.Random) -> bytes:
    shape = rng.choice([(6, 8, 8), (6, 2), (6,), (), (0, 8, 8), (1, 3, 4, 5), (2**31, 2**31)])
    kind = rng.choice([8, 8, 9, 11, 12, 13, 14, 7])
    content = struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape) + bytes(min(math.prod(shape), 999))
    return gzip.compress(content, 1) if rng.random() < 0.3 else content


def _wav(rng: random.Random) -> bytes:
    tag, bits = rng.choice([(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (0xFFFE, 16)])
    channels, frames = rng.choice([1, 2, 2, 0, 9]), rng.choice([40, 40, 1, 0])
    extra = struct.pack("<HHIH14s", 22, bits, 3, 1, bytes(14)) if tag == 0xFFFE else b""
    form = struct.pack("<HHIIHH", tag, channels, 8_000, 0, channels * bits // 8, bits) + extra
    data = rng.randbytes(frames * channels * bits // 8)
    sizes = [len(data)] * 5 + [0, 0xFFFFFFFF, len(data) + 9]
    parts = [(b"LIST", b"abc\0", 3), (b"fmt ", form, len(form)), (b"data", data, rng.choice(sizes))]
    content = b"".join(name + struct.pack("<I", size) + held for name, held, size in parts)
    return rng.choice([b"RIFF"] * 8 + [b"RIFX", b"RF64"]) + struct.pack("<I", 4 + len(content)) + b"WAVE" + content


def _fits(rng: random.Random) -> bytes:
    stream, shape = io.BytesIO(), rng.choice([(6, 8, 8), (8, 8), (6,), (6, 3, 8, 8)])
    values = np.arange(math.prod(shape)).reshape(shape).astype(rng.choice(["u1", "i2", "u2", "f4", "f8"]))
    if values.dtype.kind == "f" and rng.random() < 0.2:
        values.flat[0] = np.nan
    units = [fits.PrimaryHDU(), fits.ImageHDU(values)]
    units[1].header["BLANK"] = rng.choice([0, -1, 99, "x"])
    kind = rng.random()
    if kind < 0.3 and len(shape) > 1:
        units[1] = fits.CompImageHDU(values)
    elif kind < 0.6:
        column = fits.Column("x", f"{values[0].size}D", dim="(8,8)" if len(shape) == 3 else None, array=values)
        units[1] = fits.BinTableHDU.from_columns([column, fits.Column("label", "2A", array=["a"] * len(values))])
    fits.HDUList(units[rng.randrange(2) if kind >= 0.6 else 0 :]).writeto(stream, output_verify="ignore")
    return stream.getvalue()


def _netcdf(rng: random.Random) -> bytes:
    stream, kind = io.BytesIO(), rng.choice(["i1", "i2", "i4", "f4", "f8"])
    if rng.random() < 0.3:
        with h5py.File(stream, "w") as file:
            file["x"] = np.arange(48, dtype=kind).reshape(6, 8)
            for axis, size in enumerate((6, 8)):
                file[f"axis{axis}"] = np.arange(size)
                file[f"axis{axis}"].make_scale()
                file["x"].dims[axis].attach_scale(file[f"axis{axis}"])
            file["x"].attrs[rng.choice(["scale_factor", "_FillValue", "units"])] = rng.choice([0, 2.5, np.nan, b"x"])
        return stream.getvalue()
    file = netcdf_file(stream, "w", version=rng.choice([1, 2]))
    for axis, size in (("time", rng.choice([None, 6])), ("x", 8)):
        file.createDimension(axis, size)
    for name in rng.choice(["u", "uv", "uvw"]):
        file.createVariable(name, kind, ("time", "x"))[:] = np.arange(48).reshape(6, 8)
    name = rng.choice(["scale_factor", "add_offset", "_FillValue", "valid_range", "missing_value"])
    odd = [0.5, 0.0, 7, np.nan, np.array([1.0, 30.0]), np.array([-3, 9], "i2")]
    setattr(file.variables["u"], name, rng.choice(odd[:3] if name in ("_FillValue", "missing_value") else odd))
    if rng.random() < 0.3:
        file.variables["u"]._Unsigned = rng.choice(["true", "false", ""])
    file.flush()
    return stream.getvalue()


def _dicom(rng: random.Random) -> bytes:
    kind, shape = rng.choice(["u1", "u2", "i2", "u4"]), rng.choice([(8, 8), (6, 8, 8), (8, 8, 3), (1, 1)])
    told = rng.choice(
        [
            {"RescaleSlope": rng.choice([1, 0, "0.5", "1e999"]), "RescaleIntercept": rng.choice([0, -7, "0.25"])},
            {"Rows": rng.choice([0, 7, 65_535])},
            {"BitsAllocated": rng.choice([1, 8, 12, 64]), "BitsStored": rng.choice([1, 5, 12])},
            {"PhotometricInterpretation": rng.choice(["RGB", "MONOCHROME1", "YBR_FULL", ""])},
            {"NumberOfFrames": rng.choice([0, 1, 6, -1])},
            {},
        ]
    )
    if shape[-1] == 3:
        kind = "u1"
    path = Path(tempfile.mkdtemp()) / "a.dcm"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dicoms.write(path, np.arange(math.prod(shape)).reshape(shape).astype(kind), **told).read_bytes()
    finally:
        shutil.rmtree(path.parent)


def _edf(rng: random.Random) -> bytes:
    values = numbers(rng.choice([1, 2]), rng.choice([40, 40, 10, 0]))
    told = rng.choice(
        [
            {"per_record": (rng.choice([5, 20]), 10)[: len(values)]},
            {"seconds": rng.choice([0.5, 0.0, -1.0, 1e9])},
            {"records": rng.choice([-1, 0, 9, 10**7])},
            {"digital_max": rng.choice(["0", "x", "-32768"]), "physical_max": rng.choice(["nan", "1e9", "7"])},
            {"kind": rng.choice(["EDF+C", "EDF+D"]), "notes": [note(rng.choice([at, 2 * at]), "é") for at in range(4)]},
            {},
        ]
    )
    return edf_of(values[:, : 10 if len(values[0]) < 40 else 40], **(told if len(values[0]) else {}))


def _flac(rng: random.Random) -> bytes:
    stream, kind = io.BytesIO(), rng.choice(["PCM_S8", "PCM_16", "PCM_24"])
    values = np.arange(rng.choice([40, 1, 1_000]) * 2).reshape(-1, 2)[:, : rng.choice([1, 2])].astype(np.int16)
    soundfile.write(stream, values, 8_000, kind, format="FLAC")
    return stream.getvalue()


def _tiff(rng: random.Random) -> bytes:
    stream, shape = io.BytesIO(), rng.choice([(4, 5, 7), (6, 4, 5), (4, 5), (2, 3, 4, 5)])
    values = np.arange(math.prod(shape)).reshape(shape).astype(rng.choice(["u2", "f8", "u4", "i1", "f2"]))
    planar = {"planarconfig": "contig"} if shape[-1] == 7 else {}
    options = rng.choice([{"bigtiff": True}, {"byteorder": ">"}, {"compression": "zlib"}, {"rowsperstrip": 1}, {}])
    tifffile.imwrite(stream, values, photometric="minisblack", **planar, **options)
    return stream.getvalue()


def _tar(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(3):
            for suffix, content in (("png", IMAGES["png"]), ("cls", str(number).encode())):
                entry = tarfile.TarInfo(
                    rng.choice([f"{number}.{suffix}"] * 9 + [f"../{number}.{suffix}", "/x.png", ""])
                )
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _zip(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    packing = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", packing) as archive:
        for number in range(3):
            name = rng.choice([f"00000/{number}.png"] * 9 + [f"../{number}.png", "/x.png", "00000/0.png"])
            archive.writestr(name, IMAGES["png"])
        labels = [[f"00000/{number}.png", rng.choice([number] * 9 + ["a", None, 10**30])] for number in range(3)]
        archive.writestr("dataset.json", json.dumps({"labels": labels}))
    return stream.getvalue()


def _hdf5(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file[rng.choice(["data", "x", "a/b"])] = np.arange(12, dtype=rng.choice(["f4", "u1", "i8"])).reshape(6, 2)
        if rng.random() < 0.5:
            file["labels"] = np.arange(rng.choice([5, 6]))
    return stream.getvalue()


def _nifti(rng: random.Random) -> bytes:
    values = np.arange(480).reshape(rng.choice([(8, 10, 6), (8, 10, 6, 1), (480,), (4, 5, 4, 6)]))
    image = nibabel.Nifti1Image(values.astype(rng.choice(["u1", "i2", "f4", "f8", "c8"])), np.eye(4))
    if rng.random() < 0.3:
        image.header.set_slope_inter(rng.choice([0.5, 2.0]), rng.choice([0.0, -7.0]))
    return image.to_bytes()


FILES: dict[str, Callable[[random.Random], bytes]] = {
    "npy": _npy,
    "npz": _npz,
    "csv": _csv,
    "tar": _tar,
    "h5": _hdf5,
    "tsv": _numbers,
    "idx": _idx,
    "wav": _wav,
    "dcm": _dicom,
    "edf": _edf,
    "fits": _fits,
    "flac": _flac,
    "nc": _netcdf,
    "tif": _tiff,
    "zip": _zip,
}
READERS = {**FILES, "nii": _nifti}
"""What writes a file of each suffix."""

ABSENT = {"nc", "fits", "tif"}
"""Suffixes of files whose values may be missing."""


def make_files(folder: Path) -> Make:
    """Return what makes files for every reader, four of five of them damaged, and checks them."""
    import_module("astropy.table")  # which takes memory: once here, not in every child

    def make(rng: random.Random, folder: Path):
        suffix = rng.choice(sorted(READERS))
        content = READERS[suffix](rng)
        (folder / "0.png").write_bytes(IMAGES["png"])
        path = folder / "data" / f"data.{suffix}"
        _write(path, damaged(content, rng) if rng.random() < 0.8 else content)
        rule = [f"--set=data.source.missing={rng.choice(['skip', 'fill'])}"] if suffix in ABSENT else []
        return lambda: main(["check-data", str(path), *(rule if rng.random() < 0.5 else [])])

    return make


def array_files(folder: Path, rng: random.Random) -> Path:
    """Five .npy files of one sample each, in one folder or two, of which up to two are damaged or of another kind."""
    content, places = _npy(rng), ["a/", "b/"] if rng.random() < 0.3 else [""]
    for number in range(5):
        _write(folder / f"{rng.choice(places)}{number}.npy", content)
    for number in range(rng.choice([0, 1, 2])):
        _write(folder / f"{number}.npy", damaged(content, rng) if rng.random() < 0.6 else _npy(rng))
    return folder


def _arrays(folder: Path, rng: random.Random) -> Path:
    """A file of arrays or a table of images, half of them damaged; or files of one array each."""
    if rng.random() < 0.1:
        return array_files(folder, rng)
    suffix = rng.choice(sorted(FILES))
    content = FILES[suffix](rng)
    folder.mkdir()
    (folder.parent / "0.png").write_bytes(IMAGES["png"])
    path = folder / f"data.{suffix}"
    path.write_bytes(damaged(content, rng) if rng.random() < 0.6 else content)
    return path
