"""What every source of data keeps to. A new source adds one line to ``MAKE``."""

import copy
import gzip
import io
import json
import struct
import tarfile
import zipfile

import h5py
import nibabel
import numpy as np
import pyarrow
import pytest
import sklearn.datasets
import soundfile
import tifffile
import zarr
from astropy.io import fits
from PIL import Image
from pyarrow import parquet
from scipy.io import netcdf_file, wavfile

from idm.core.registry import Registry
from idm.data import SOURCES as INCLUDED
from idm.data import Codec, base
from idm.data.check import check_path
from idm.data.fingerprint import differing
from idm.data.patches import Patches

from .. import dicoms
from ..edfs import edf_of
from ..pages import contributed


def patches(path):
    """Patches of the samples of another source."""
    return Patches(INCLUDED.build("arrays", {"path": path}), 8, 4)


SOURCES = Registry("source", {**INCLUDED, "patches": patches, "sines": contributed().Sines})
"""The sources of the package, patches, and the example of CONTRIBUTING.md, which are to promise the same."""


def altered(values, changed):
    """The values, with the last of them changed where that is wanted."""
    values = values.copy()
    if changed:
        values.reshape(-1)[-1] += 1
    return values


def image_folder(tmp_path, changed=False):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (6, 5, 3)).astype(np.uint8)
            Image.fromarray(altered(pixels, changed and number == 1)).save(tmp_path / kind / f"{number}.png")
    return {"path": str(tmp_path)}


def arrays(tmp_path, changed=False):
    data = np.random.default_rng(0).normal(size=(11, 2, 20)).astype(np.float32)
    np.savez(tmp_path / "signals.npz", x=altered(data, changed), y=np.arange(11) % 3)
    return {"path": str(tmp_path / "signals.npz")}


def array_folder(tmp_path, changed=False):
    for number in range(5):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        values = np.random.default_rng(number).normal(size=(2, 20)).astype(">f4")
        np.save(tmp_path / "ab"[number % 2] / f"{number}.npy", altered(values, changed and number == 2))
    return {"path": str(tmp_path)}


def pictures(count, changed):
    return altered(np.random.default_rng(0).integers(0, 256, (count, 6, 5, 3)).astype(np.uint8), changed)


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def csv_of_images(tmp_path, changed=False):
    rows = ["path,label"]
    for number, pixels in enumerate(pictures(6, changed)):
        (tmp_path / f"{number}.png").write_bytes(encoded(pixels))
        rows.append(f"{number}.png,{['cat', 'dog'][number % 2]}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    return {"path": str(tmp_path / "images.csv")}


def numeric_csv(tmp_path, changed=False):
    values = altered(np.random.default_rng(0).normal(size=(11, 3)), changed)
    lines = [",".join([*map(repr, row), "ab"[number % 2]]) for number, row in enumerate(values.tolist())]
    (tmp_path / "points.csv").write_text("\n".join(["u,v,w,label", *lines]))
    return {"path": str(tmp_path / "points.csv")}


def idx(tmp_path, changed=False):
    for part, count in (("train", 7), ("t10k", 4)):
        values = np.random.default_rng(count).integers(0, 256, (count, 4, 5)).astype(np.uint8)
        values = altered(values, changed and part == "train")
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">I3I", 0x803, *values.shape) + values.tobytes()
        )
        content = struct.pack(">II", 0x801, count) + bytes(number % 3 for number in range(count))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))
    return {"path": str(tmp_path)}


def tiff_stack(tmp_path, changed=False):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        values = altered(np.random.default_rng(0).normal(size=(3, 6, 5)).astype(np.float32), changed and kind == "cat")
        pages = [Image.fromarray(page) for page in values]
        pages[0].save(tmp_path / kind / "a.tif", save_all=True, append_images=pages[1:])
    return {"path": str(tmp_path), "labels": "folder"}


def stamps(tmp_path, changed=False):
    for number in range(4):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        values = np.random.default_rng(number).normal(size=(6, 5)).astype(np.float32)
        unit = fits.ImageHDU(altered(values, changed and number == 2))
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(tmp_path / "ab"[number % 2] / f"{number}.fits")
    return {"path": str(tmp_path), "labels": "folder"}


def dicom(tmp_path, changed=False):
    for number in range(4):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        pixels = altered(
            np.random.default_rng(number).integers(0, 255, (4, 5)).astype(np.uint8), changed and number == 2
        )
        dicoms.write(tmp_path / "ab"[number % 2] / f"{number}.dcm", pixels)
    return {"path": str(tmp_path), "labels": "folder"}


def hdf5(tmp_path, changed=False):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = altered(np.random.default_rng(0).normal(size=(11, 2, 20)), changed)
        file["group/kinds"] = ["ab"[i % 2] for i in range(11)]
    return {"path": str(tmp_path / "a.h5"), "key": "group/x", "labels_key": "group/kinds"}


def store(tmp_path, changed=False):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    values = np.random.default_rng(0).integers(0, 900, (11, 1, 4, 5)).astype(np.uint16)
    group.create_array("x", data=altered(values, changed))
    group.create_array("y", data=np.arange(11) % 3)
    return {"path": str(tmp_path / "a.zarr")}


def netcdf(tmp_path, changed=False):
    values = altered(np.random.default_rng(0).normal(size=(9, 4, 5)).astype(np.float32), changed)
    with netcdf_file(str(tmp_path / "a.nc"), "w") as file:
        for name, size in (("time", None), ("lat", 4), ("lon", 5)):
            file.createDimension(name, size)
        file.createVariable("t", "f4", ("time", "lat", "lon"))[:] = values
        file.createVariable("kind", "i4", ("time",))[:] = np.arange(9) % 3
    return {"path": str(tmp_path / "a.nc"), "label_variable": "kind"}


def nifti(tmp_path, changed=False):
    for number in range(4):
        volume = np.random.default_rng(number).normal(size=(4, 5, 6)).astype(np.float32)
        folder = tmp_path / ["sick", "well"][number % 2]
        folder.mkdir(exist_ok=True)
        volume = altered(volume, changed and number == 2)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), folder / f"{number}.nii.gz")
    return {"path": str(tmp_path), "labels": "folder"}


def table(tmp_path, changed=False):
    images = [{"bytes": encoded(pixels), "path": None} for pixels in pictures(6, changed)]
    parquet.write_table(pyarrow.table({"image": images, "label": [0, 1] * 3}), tmp_path / "a.parquet")
    return {"path": str(tmp_path / "a.parquet")}


def sound(tmp_path, changed=False):
    for number, kind in enumerate(("dog", "cat", "dog")):
        values = np.random.default_rng(number).integers(-(2**15), 2**15 - 1, (40 + number, 2)).astype(np.int16)
        values[:40] = altered(values[:40], changed and number == 0)
        (tmp_path / kind).mkdir(exist_ok=True)
        wavfile.write(tmp_path / kind / f"{number}.wav", 8_000, values)
    return {"path": str(tmp_path), "window": 20, "hop": 10}


def edf(tmp_path, changed=False):
    for number, kind in enumerate(("dog", "cat", "dog")):
        values = np.random.default_rng(number).integers(-(2**15), 2**15 - 1, (2, 40)).astype(np.int16)
        values = altered(values, changed and number == 0)
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{number}.edf").write_bytes(edf_of(values))
    return {"path": str(tmp_path), "window": 20, "hop": 10}


def flac(tmp_path, changed=False):
    for number, kind in enumerate(("dog", "cat", "dog")):
        values = np.random.default_rng(number).integers(-(2**15), 2**15 - 1, (40, 2)).astype(np.int16)
        (tmp_path / kind).mkdir(exist_ok=True)
        soundfile.write(tmp_path / kind / f"{number}.flac", altered(values, changed and number == 0), 8_000)
    return {"path": str(tmp_path), "window": 20, "hop": 10}


def bands(tmp_path, changed=False):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        values = np.random.default_rng(0).integers(0, 60_000, (3, 6, 5, 7)).astype(np.uint16)
        options = {"photometric": "minisblack", "planarconfig": "contig"}
        tifffile.imwrite(tmp_path / kind / "a.tif", altered(values, changed and kind == "cat"), **options)
    return {"path": str(tmp_path), "labels": "folder"}


def webdataset(tmp_path, changed=False):
    for shard in range(2):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as archive:
            for number, pixels in enumerate(pictures(3, changed and shard == 0)):
                for suffix, content in (("png", encoded(pixels)), ("cls", str(number % 2).encode())):
                    member = tarfile.TarInfo(f"{shard}-{number}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return {"path": str(tmp_path)}


def zipped(tmp_path, changed=False):
    labels = []
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for number, pixels in enumerate(pictures(6, changed)):
            name, packing = f"00000/img{number:08d}.png", (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2]
            archive.writestr(zipfile.ZipInfo(name), encoded(pixels), packing)
            labels.append([name, number % 2])
        archive.writestr("dataset.json", json.dumps({"labels": labels}))
    return {"path": str(tmp_path / "set.zip")}


def index(tmp_path, changed=False):
    (tmp_path / "data").mkdir()
    image_folder(tmp_path / "data", changed)
    found = check_path(tmp_path / "data").index
    (tmp_path / "index.jsonl").write_text(found.to_text(), encoding="utf-8")
    return {"path": str(tmp_path / "index.jsonl"), "folder": str(tmp_path / "data")}


def digits(tmp_path, changed=False):
    return {}


def sines(tmp_path, changed=False):
    return {"length": 16 + changed, "num": 12}


def custom(tmp_path, changed=False):
    return {"make": "idm.data.sources.digits:Digits", "arguments": {"size": 16}}


MAKE = {
    "digits": digits,
    "image_folder": image_folder,
    "arrays": arrays,
    "array_folder": array_folder,
    "csv": csv_of_images,
    "numeric_csv": numeric_csv,
    "tiff_stack": tiff_stack,
    "idx": idx,
    "dicom": dicom,
    "edf": edf,
    "fits": stamps,
    "hdf5": hdf5,
    "zarr": store,
    "netcdf": netcdf,
    "nifti": nifti,
    "sound": flac,
    "table": table,
    "tiff": bands,
    "wav": sound,
    "webdataset": webdataset,
    "zip": zipped,
    "custom": custom,
    "index": index,
    "patches": arrays,
    "sines": sines,
}
"""Options of a small instance of each source, with labels; with one value ``changed``, if it lies in files."""


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    return SOURCES.build(request.param, MAKE[request.param](tmp_path), trust_code=True)


def test_samples_have_the_shape_and_dtype_that_are_promised(source):
    assert len(source) > 0
    assert 1 <= len(source.shape) <= 4
    samples = source.read(np.array([0, len(source) - 1]))
    assert samples.shape == (2, *source.shape)
    assert samples.dtype == source.dtype
    assert source[0].shape == source.shape
    assert np.isfinite(samples).all()


def test_reading_is_repeatable_and_in_the_order_asked_for(source):
    indices = np.array([2, 0, 2, 1])
    np.testing.assert_array_equal(source.read(indices), np.stack([source[i] for i in indices.tolist()]))


def test_what_was_read_can_be_changed_without_changing_the_source(source):
    before = source.read(np.array([1])).copy()
    source.read(np.array([1]))[:] = 0
    np.testing.assert_array_equal(source.read(np.array([1])), before)


def test_reading_nothing_gives_nothing(source):
    assert source.read(np.array([], dtype=np.int64)).shape == (0, *source.shape)


def test_iteration_ends_after_the_last_sample(source):
    assert sum(1 for _ in source) == len(source)
    with pytest.raises(IndexError):
        source[len(source)]


def test_blocks_make_up_the_source(source, monkeypatch):
    monkeypatch.setattr(base, "BLOCK_BYTES", 3 * source.sample_bytes)
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), source.read(np.arange(len(source))))


def test_labels_number_the_named_classes(source):
    assert source.labels.dtype == np.int64
    assert source.labels.shape == (len(source),)
    assert set(source.labels) == set(range(len(source.class_names)))


@pytest.fixture
def changed_digits(monkeypatch):
    """Change a value of the digits that the next sources read."""

    def change():
        bundle = copy.copy(sklearn.datasets.load_digits())
        bundle.images = altered(bundle.images, True)
        monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bundle)

    return change


@pytest.mark.parametrize("name", SOURCES)
def test_the_fingerprint_is_that_of_the_data_wherever_they_lie(tmp_path, name, changed_digits):
    for folder in ("first", "second", "third"):
        (tmp_path / folder).mkdir()
    first = SOURCES.build(name, MAKE[name](tmp_path / "first"), trust_code=True).fingerprint()
    assert SOURCES.build(name, MAKE[name](tmp_path / "second"), trust_code=True).fingerprint() == first
    changed_digits()
    changed = SOURCES.build(name, MAKE[name](tmp_path / "third", changed=True), trust_code=True).fingerprint()
    assert "contents" in differing(first, changed)
    assert not {"names", "labels"} & set(differing(first, changed))


def test_the_fingerprint_knows_names_and_labels(source):
    before = source.fingerprint()
    source.labels = np.roll(source.labels, 1)
    assert differing(before, source.fingerprint()) == ["labels"]
    source.names = tuple(f"other {number}" for number in range(len(source)))
    assert differing(before, source.fingerprint()) == ["names", "labels"]


def test_the_description_is_json(source):
    described = source.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["samples"] == len(source)


def test_values_come_back_from_the_model_range(source):
    codec = Codec.fit(source)
    samples = source.read(np.arange(min(len(source), 50)))
    decoded = codec.decode(codec.encode(samples))
    assert decoded.dtype == samples.dtype
    np.testing.assert_allclose(decoded, samples, rtol=1e-6, atol=0 if codec.levels else 1e-6)
