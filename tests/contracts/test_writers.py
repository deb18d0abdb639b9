"""What every writer of samples keeps to: its format's own library reads the values, and what is known beside them.

A new writer adds one line to ``READ``.
"""

import csv
import gzip
import io
import re
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import edfio
import h5netcdf
import h5py
import nibabel
import numpy as np
import pyarrow
import pytest
import tifffile
import zarr
from astropy.io import fits
from PIL import Image, ImageSequence
from pyarrow import parquet
from scipy.io import wavfile

from idm.core.errors import IdmError
from idm.data import SOURCES
from idm.data.metadata import EdfMetadata, FitsMetadata, NetCdfMetadata, NiftiMetadata, TiffMetadata
from idm.data.metadata.netcdf import Named
from idm.data.writers import PATTERN, WRITERS, Form, ToWrite, build_writers, usual_formats
from idm.data.writers.base import SeparateWriter

AFFINE = (-2.0, 0.0, 0.0, 90.0, 0.0, 2.0, 0.0, -126.0, 0.0, 0.0, 2.5, -72.0, 0.0, 0.0, 0.0, 1.0)
PLACE = NiftiMetadata(AFFINE, 4, "mm", "sec", packed=True)
WIND = NetCdfMetadata(
    (Named("u", (("units", "m s-1"), ("long_name", "eastward wind"))), Named("v", (("units", "m s-1"),))),
    (Named("level", (("units", "hPa"),), 2, (850.0, 500.0)),),
    (Named("lat", (("units", "degrees_north"),), 3, (60.0, 57.5, 55.0)), Named("x", (), 4)),
)
SKY = FitsMetadata((("CTYPE1", "RA---TAN"), ("CRVAL1", 83.5), ("CD1_1", -1e-4), ("BUNIT", "Jy")))
SCENE = TiffMetadata(((282, (3, 2)), (283, (5, 4)), (296, (3,)), (33550, (10.0, 10.0, 0.0)), (34737, "UTM|")))


def samples_of(shape, dtype, count=3, **form):
    """Numbers that all differ, as far as the dtype goes."""
    values = np.random.default_rng(0).uniform(0, 2 if dtype == "bool" else 200, (count, *shape)).astype(dtype)
    beside = {"labels": np.array([0, 1, 0]), "class_names": np.array(["cat", "größe /.."]), "seeds": np.arange(7, 10)}
    return ToWrite(values, Form(shape, np.dtype(dtype), **form), ("cat", "größe /..", "cat"), (7, 8, 9), beside)


def as_npz(file):
    return np.load(io.BytesIO(file))["data"]


def as_hdf5(file):
    return h5py.File(io.BytesIO(file))["data"][()]


def as_netcdf(file):
    with h5netcdf.File(io.BytesIO(file)) as found:
        return found["data"][()]


def as_csv(file):
    _, *rows = csv.reader(io.StringIO(file.decode()))
    return np.array([row[:-2] for row in rows], np.float64)


def as_nifti(file):
    return np.asanyarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(file)).dataobj)


def as_tiff(file):
    return tifffile.imread(io.BytesIO(file))


def as_wav(file):
    return wavfile.read(io.BytesIO(file))[1].T


def as_fits(file):
    return fits.getdata(io.BytesIO(file))


def as_png(file):
    return np.asarray(Image.open(io.BytesIO(file)))[None]


def as_frames(file):
    animation = Image.open(io.BytesIO(file))
    return np.stack([np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(animation)])[None]


def as_edf(file):
    return np.stack([signal.digital for signal in edfio.read_edf(file).signals])


def as_idx(file):
    """Read it as its description says, http://yann.lecun.com/exdb/mnist."""
    kind = {8: "u1", 9: "i1", 11: "i2", 12: "i4", 13: "f4", 14: "f8"}[file[2]]
    shape = struct.unpack_from(f">{file[3]}I", file, 4)
    return np.frombuffer(file, f">{kind}", offset=4 + 4 * file[3]).reshape(shape)


def as_parquet(file):
    column = parquet.read_table(io.BytesIO(file))["data"].combine_chunks()
    shape, flat = np.shape(column.to_pylist()), column
    while hasattr(flat, "flatten") and pyarrow.types.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    return flat.to_numpy(zero_copy_only=False).reshape(shape)


def as_zarr(files):
    with TemporaryDirectory() as folder:
        for path, content in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return zarr.open(Path(folder, "samples.zarr"), mode="r")["data"][...]


READ = {
    "csv": (as_csv, (4,), ("float64",)),
    "edf": (as_edf, (2, 33), ("int16",)),
    "fits": (as_fits, (3, 5, 6), ("uint8", "int16", "uint16", "int32", "int64", "float32", "float64")),
    "gif": (as_frames, (1, 4, 5, 6), ("uint8",)),
    "hdf5": (as_hdf5, (2, 5, 6), ("bool", "uint8", "int16", "uint16", "int64", "float16", "float32", "float64")),
    "idx": (as_idx, (2, 5, 6), ("uint8", "int8", "int16", "int32", "float32", "float64")),
    "netcdf": (as_netcdf, (5, 6), ("uint8", "int16", "uint16", "int64", "float32", "float64")),
    "nifti": (as_nifti, (1, 4, 5, 6), ("uint8", "int16", "uint16", "int32", "int64", "float32", "float64")),
    "npz": (as_npz, (2, 5, 6), ("bool", "uint8", "int16", "float16", "float32", "float64")),
    "parquet": (as_parquet, (2, 5, 6), ("bool", "uint8", "int16", "uint16", "int64", "float32", "float64")),
    "png": (as_png, (1, 5, 6), ("uint8", "uint16")),
    "tiff": (as_tiff, (4, 5, 6), ("uint8", "int16", "uint16", "int32", "float16", "float32", "float64")),
    "wav": (as_wav, (2, 33), ("uint8", "int16", "int32", "float32", "float64")),
    "webp": (as_frames, (1, 4, 5, 6), ("uint8",)),
    "zarr": (as_zarr, (2, 5, 6), ("bool", "uint8", "int16", "uint16", "int64", "float16", "float32", "float64")),
}
"""How a file is read, what samples it may hold, and which types come back as they were."""

CASES = [(name, dtype) for name, (_, _, dtypes) in READ.items() for dtype in dtypes]


def test_every_writer_is_tested():
    assert READ.keys() == set(WRITERS)


def prepared(name, dtype):
    _, shape, _ = READ[name]
    if name == "netcdf":
        shape = (1, *shape)
    levels = {"uint8": 256, "uint16": 65_536}.get(dtype)
    samples = samples_of(shape, dtype, sampling_rate=8000.0, levels=levels, from_images=True)
    return samples, build_writers((name,), samples.form)[name]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_the_library_of_the_format_reads_the_same_numbers(name, dtype):
    samples, writer = prepared(name, dtype)
    files = dict(writer.files(samples))
    read = READ[name][0]
    found = [read(files)] if name == "zarr" else [read(file) for file in files.values()]
    wanted = samples.data[:, 0] if name in ("netcdf", "nifti") else samples.data
    whole = np.stack(found) if isinstance(writer, SeparateWriter) else found[0]
    assert whole.dtype.newbyteorder("=") == np.dtype(dtype)
    np.testing.assert_array_equal(whole, wanted)


@pytest.mark.parametrize("name", READ)
def test_files_are_called_as_promised_whatever_a_class_is_called(name):
    samples, writer = prepared(name, READ[name][2][0])
    names = [path for path, _ in writer.files(samples)]
    assert all(re.fullmatch(writer.pattern, path) and re.fullmatch(PATTERN, path) for path in names)
    assert all(path == writer.place or path.startswith(f"{writer.place}/") for path in names)
    if isinstance(writer, SeparateWriter):
        kind = writer.suffix(samples.form)
        titles = ("00000_cat_seed7", "00001_größe_seed8", "00002_cat_seed9")
        if name == "png":  # a folder for each class
            titles = ("cat/00000_seed7", "größe/00001_seed8", "cat/00002_seed9")
        assert names == [f"{writer.place}/{title}{kind}" for title in titles]


def test_a_volume_is_where_those_of_the_data_were():
    samples = samples_of((2, 4, 5, 6), "float32", metadata=PLACE)
    (_, file), *_ = build_writers(("nifti",), samples.form)["nifti"].files(samples)
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(file))
    np.testing.assert_array_equal(image.affine, np.reshape(AFFINE, (4, 4)))
    assert (image.shape, int(image.header["sform_code"]), image.header.get_xyzt_units()) == (
        (4, 5, 6, 2),
        4,
        ("mm", "sec"),
    )
    assert image.header.get_zooms()[:3] == (2.0, 2.0, 2.5)
    np.testing.assert_array_equal(np.moveaxis(np.asanyarray(image.dataobj), -1, 0), samples.data[0])


def test_fields_have_the_names_units_and_coordinates_of_the_data():
    samples = samples_of((4, 3, 4), "float32", metadata=WIND)
    ((_, file),) = build_writers(("netcdf",), samples.form)["netcdf"].files(samples)
    with h5netcdf.File(io.BytesIO(file)) as found:
        assert found["u"].dimensions == ("sample", "level", "lat", "x")
        assert (found["u"].attrs["units"], found["u"].attrs["long_name"]) == ("m s-1", "eastward wind")
        assert "x" not in found.variables
        assert found.dimensions["x"].size == 4
        assert (found["level"].attrs["units"], found["lat"].attrs["units"]) == ("hPa", "degrees_north")
        np.testing.assert_array_equal(found["lat"][()], [60.0, 57.5, 55.0])
        np.testing.assert_array_equal(found["level"][()], [850.0, 500.0])
        np.testing.assert_array_equal(found["seeds"][()], [7, 8, 9])
        np.testing.assert_array_equal(found["u"][()], samples.data[:, :2])
        np.testing.assert_array_equal(found["v"][()], samples.data[:, 2:])


def test_columns_have_the_names_of_the_data_and_class_and_seed_beside():
    samples = samples_of((2,), "float32", channel_names=("height", "weight, kg"))
    ((_, file),) = build_writers(("csv",), samples.form)["csv"].files(samples)
    names, *rows = csv.reader(io.StringIO(file.decode()))
    assert names == ["height", "weight, kg", "label", "seed"]
    assert [row[2:] for row in rows] == [["cat", "7"], ["größe /..", "8"], ["cat", "9"]]
    np.testing.assert_array_equal(np.array([row[:2] for row in rows], np.float32), samples.data)


def test_a_signal_has_its_rate():
    samples = samples_of((2, 5), "int16", sampling_rate=44_100.0)
    (_, file), *_ = build_writers(("wav",), samples.form)["wav"].files(samples)
    assert wavfile.read(io.BytesIO(file))[0] == 44_100


@pytest.mark.parametrize(
    ("name", "source", "shape", "form"),
    [
        ("nifti", "nifti", (2, 4, 5, 6), {"metadata": PLACE}),
        ("netcdf", "netcdf", (4, 3, 4), {"metadata": WIND}),
        ("csv", "numeric_csv", (2,), {"channel_names": ("height", "weight, kg")}),
        ("wav", "wav", (2, 40), {"sampling_rate": 8000.0}),
        ("hdf5", "hdf5", (2, 5, 6), {"channel_names": ("u", "v")}),
        ("npz", "arrays", (2, 5, 6), {}),
        ("tiff", "tiff", (4, 5, 6), {}),
        ("fits", "fits", (1, 5, 6), {}),
        ("fits", "fits", (1, 5, 6), {"metadata": SKY}),
        ("tiff", "tiff", (4, 5, 6), {"metadata": SCENE}),
        ("zarr", "zarr", (2, 5, 6), {}),
        ("parquet", "table", (2, 5, 6), {}),
        ("idx", "idx", (1, 5, 6), {}),
    ],
)
def test_what_was_written_is_read_with_all_that_is_known_of_it(tmp_path, name, source, shape, form):
    samples = samples_of(shape, "float64" if name == "csv" else "float32", **form)
    writer = build_writers((name,), samples.form)[name]
    for path, content in writer.files(samples):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    options = {
        "netcdf": {"variables": ("u", "v"), "channel_axes": ("level",)},
        "csv": {"columns": ("height", "weight, kg")},
    }
    found = SOURCES.build(source, {"path": str(tmp_path / writer.place), **options.get(name, {})})
    np.testing.assert_array_equal(found.read(np.arange(3)), samples.data)
    assert (found.dtype, found.metadata, found.sampling_rate) == (
        samples.data.dtype,
        samples.form.metadata,
        samples.form.sampling_rate,
    )
    if name == "csv":
        assert found.channel_names == form["channel_names"]


@pytest.mark.parametrize(
    ("name", "form", "words"),
    [
        ("wav", Form((1, 4, 5, 6), np.dtype("int16")), "for wav signals wanted"),
        ("wav", Form((1, 64), np.dtype("int16")), "whose sampling rate is known"),
        ("wav", Form((1, 64), np.dtype("int16"), sampling_rate=256.5), "whose sampling rate is known"),
        ("wav", Form((1, 64), np.dtype("int64"), sampling_rate=256.0), "signals of uint8, int16"),
        ("csv", Form((1, 8, 8), np.dtype("float32")), "for csv points wanted"),
        ("nifti", Form((1, 64), np.dtype("float32")), "for nifti images or volumes wanted"),
        ("tiff", Form((2,), np.dtype("float32")), "for tiff images or volumes wanted"),
        ("fits", Form((2,), np.dtype("float32")), "for fits signals, images or volumes wanted"),
        ("png", Form((1, 8, 8), np.dtype("float32")), "for png grey or RGB images of integers wanted"),
        ("png", Form((3, 8, 8), np.dtype("uint16"), levels=65_536), "for png grey or RGB images of integers wanted"),
        ("gif", Form((1, 64), np.dtype("uint8")), "for gif images or volumes of one or three channels wanted"),
        ("edf", Form((1, 64), np.dtype("float32"), sampling_rate=256.0), "for edf signals of a sampling rate"),
        ("edf", Form((1, 64), np.dtype("int16")), "for edf signals of a sampling rate"),
        ("idx", Form((1, 64), np.dtype("int64")), "for idx values of uint8, int8"),
        ("webp", Form((2, 4, 8, 8), np.dtype("uint8")), "for webp images or volumes of one or three channels wanted"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_in_a_line_whose_advice_works(name, form, words):
    with pytest.raises(IdmError, match="formats: ") as refusal:
        build_writers((name,), form)
    (line,) = str(refusal.value).splitlines()
    assert words in line
    for other in line.partition("choose among ")[2].split(", "):
        build_writers((other,), form)


def test_an_unknown_format_is_refused_by_the_nearest_name():
    with pytest.raises(IdmError, match="did you mean 'nifti'"):
        build_writers(("nifty",), Form((1, 4, 4), np.dtype("uint8")))


def test_data_go_out_as_they_came_in_where_the_format_can_hold_them():
    volume = Form((1, 4, 5, 6), np.dtype("float32"))
    assert usual_formats("nifti", volume) == ("nifti",)
    assert usual_formats("wav", volume) == usual_formats("digits", volume) == ()


def test_pictures_of_other_data_have_black_and_white_at_the_ends_of_their_range():
    values = np.array([[[[0, 8, 16]]]], np.uint8)
    form = Form((1, 1, 3), values.dtype, levels=17, shown=((0.0, 16.0),))
    ((_, file),) = build_writers(("png",), form)["png"].files(ToWrite(values, form))
    assert np.asarray(Image.open(io.BytesIO(file))).tolist() == [[0, 128, 255]]


def test_slices_of_floats_are_shown_in_a_stated_range_and_clipped_to_it():
    values = np.array([[-3.0, -1.0], [0.0, 5.0]]).reshape(1, 1, 2, 1, 2)
    form = Form((1, 2, 1, 2), values.dtype, shown=((-1.0, 1.0),))
    ((_, file),) = build_writers(("webp",), form)["webp"].files(ToWrite(values, form))
    assert as_frames(file)[0, :, 0].tolist() == [[0, 0], [128, 255]]


def test_three_channels_of_bytes_are_colours_of_a_tiff_file():
    samples = samples_of((3, 5, 6), "uint8")
    (_, file), *_ = build_writers(("tiff",), samples.form)["tiff"].files(samples)
    with tifffile.TiffFile(io.BytesIO(file)) as found:
        assert (found.series[0].axes, found.pages[0].photometric.name) == ("YXS", "RGB")
        np.testing.assert_array_equal(found.asarray(), np.moveaxis(samples.data[0], 0, -1))


@pytest.mark.parametrize("name", ["csv", "hdf5"])
def test_names_that_a_format_cannot_hold_do_not_stop_it(name):
    samples = samples_of((2,), "float64", channel_names=("a\x00b", "\ud800"))
    ((_, file),) = build_writers((name,), samples.form)[name].files(samples)
    if name == "hdf5":
        with h5py.File(io.BytesIO(file)) as found:
            assert found["channel_names"].asstr()[()].tolist() == ["a\\x00b", "\\ud800"]
            assert found["class_names"].asstr()[()].tolist() == ["cat", "größe /.."]
    else:
        assert file.decode().splitlines()[0] == "a\x00b,?,label,seed"


@pytest.mark.parametrize("scale", [1e-30, 1e27])
def test_an_affine_of_any_size_is_written(scale):
    place = NiftiMetadata((*(scale * np.array(AFFINE[:12])).tolist(), *AFFINE[12:]), packed=False)
    samples = samples_of((1, 4, 5, 6), "float32", metadata=NiftiMetadata((scale,) * 12 + AFFINE[12:], packed=False))
    for metadata in (place, samples.form.metadata):
        form = Form(samples.form.shape, samples.form.dtype, metadata=metadata)
        (_, file), *_ = build_writers(("nifti",), form)["nifti"].files(ToWrite(samples.data, form))
        found = nibabel.Nifti1Image.from_bytes(file)
        np.testing.assert_allclose(found.get_sform(), metadata.matrix, rtol=1e-6)


def test_signals_leave_on_the_grid_of_the_recording_with_names_units_and_rate(tmp_path):
    known = EdfMetadata(("mV", "uV"), ((-3.2768, 3.2767), (-1.0, 0.5)), ((-32768.0, 32767.0), (0.0, 3.0)))
    values = np.array([[[0.00006, -0.00004, 9.0, 0.0], [-1.0, -0.5, 0.3, 0.0]]])  # a step is 0.0001 and 0.5
    form = Form((2, 4), values.dtype, channel_names=("ECG", "b"), sampling_rate=256.0, metadata=known)
    ((name, file),) = build_writers(("edf",), form)["edf"].files(ToWrite(values, form))
    ecg, other = edfio.read_edf(file).signals
    np.testing.assert_allclose(ecg.data, [0.0001, 0.0, 3.2767, 0.0], atol=1e-9)
    np.testing.assert_allclose(other.data, [-1.0, -0.5, 0.5, 0.0])
    assert (ecg.label, ecg.physical_dimension, other.physical_dimension) == ("ECG", "mV", "uV")
    assert ecg.sampling_frequency == 256
    (tmp_path / "edf").mkdir()
    (tmp_path / name).write_bytes(file)
    found = SOURCES.build("edf", {"path": str(tmp_path / name)})
    assert (found.metadata, found.sampling_rate, found.channel_names) == (known, 256.0, ("ECG", "b"))


def test_stored_numbers_of_24_bits_leave_as_bdf(tmp_path):
    known = EdfMetadata(("uV",), ((-1000.0, 1000.0),), ((-(2.0**23), 2.0**23 - 1),), are_stored=True)
    values = np.array([[[-(2**23), 5, 2**23 - 1, -1]]], np.int32)
    form = Form((1, 4), values.dtype, channel_names=("EEG",), sampling_rate=512.0, metadata=known)
    ((name, file),) = build_writers(("edf",), form)["edf"].files(ToWrite(values, form))
    assert name == "edf/00000.bdf"
    (tmp_path / "a.bdf").write_bytes(file)
    found = SOURCES.build("edf", {"path": str(tmp_path / "a.bdf"), "values": "stored"})
    np.testing.assert_array_equal(found[0], values[0])
    assert (found.metadata, found.sampling_rate) == (known, 512.0)


@pytest.mark.parametrize(("rate", "count"), [(256.0, 100), (100.0, 99), (44_100.0, 441), (128.0, 1)])
def test_the_rate_of_signals_comes_back_exactly_where_a_record_has_a_duration_that_can_be_written(rate, count):
    form = Form((1, count), np.dtype("int16"), sampling_rate=rate)
    values = np.arange(count, dtype=np.int16).reshape(1, 1, count)
    ((_, file),) = build_writers(("edf",), form)["edf"].files(ToWrite(values, form))
    (signal,) = edfio.read_edf(file).signals
    assert signal.sampling_frequency == pytest.approx(rate, rel=1e-12)
    np.testing.assert_array_equal(signal.digital, values[0, 0])


def test_images_are_the_frames_of_one_animation():
    values = np.random.default_rng(0).integers(0, 256, (4, 1, 5, 6)).astype(np.uint8)
    form = Form((1, 5, 6), values.dtype)
    ((name, file),) = build_writers(("webp",), form)["webp"].files(ToWrite(values, form))
    assert name == "webp/series.webp"
    np.testing.assert_array_equal(as_frames(file), values[:, 0][None])


@pytest.mark.parametrize(
    ("dtype", "name"), [("uint8", "idx4-ubyte"), ("float32", "idx4-float.idx"), ("int16", "idx4-short.idx")]
)
def test_labels_of_idx_are_read_back_as_the_classes(tmp_path, dtype, name):
    samples = samples_of((1, 5, 6), dtype)
    (tmp_path / "idx").mkdir()
    writer = build_writers(("idx",), samples.form)["idx"]
    for path, content in writer.files(samples):
        assert re.fullmatch(writer.pattern, path)
        (tmp_path / path).write_bytes(content)
    assert sorted(path.name for path in (tmp_path / "idx").iterdir()) == [
        f"samples-images-{name}",
        "samples-labels-idx1-ubyte",
    ]
    found = SOURCES.build("idx", {"path": str(tmp_path / "idx")})
    assert (found.dtype, found.labels.tolist()) == (np.dtype(dtype), [0, 1, 0])


def test_a_parquet_file_has_class_and_seed_in_columns():
    samples = samples_of((2, 5), "float32")
    ((_, file),) = build_writers(("parquet",), samples.form)["parquet"].files(samples)
    table = parquet.read_table(io.BytesIO(file))
    assert table["label"].to_pylist() == ["cat", "größe /..", "cat"]
    assert table["seed"].to_pylist() == [7, 8, 9]
