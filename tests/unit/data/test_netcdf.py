"""NetCDF files and Zarr stores with named axes: values come back bit for bit, or as scale and offset say."""

import math

import h5netcdf
import numpy as np
import pytest
import zarr
from scipy.io import netcdf_file

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.arrays.netcdf_classic import read_classic
from idm.data.arrays.on_disk import OnDisk
from idm.data.check import check_path
from idm.data.groups import groups_by

RNG = np.random.default_rng(0)
AXES = ("time", "lat", "lon")
T = np.arange(60).reshape(3, 4, 5)
RAISED = (T - 30).astype("i2")


def classic(version):
    """Write a file of a classic format with SciPy: variables by name, each with axes, values and attributes."""

    def write(path, variables, growing="time"):
        with netcdf_file(str(path), "w", version=version) as file:
            for name, (axes, values, attributes) in variables.items():
                for axis, size in zip(axes, values.shape, strict=True):
                    if axis not in file.dimensions:
                        file.createDimension(axis, None if axis == growing else size)
                variable = file.createVariable(name, values.dtype.newbyteorder(">"), axes)
                variable[:] = values
                for key, value in attributes.items():
                    setattr(variable, key, value)

    return write


def by_h5netcdf(path, variables, growing="time", **options):
    with h5netcdf.File(path, "w") as file:
        for name, (axes, values, attributes) in variables.items():
            for axis, size in zip(axes, values.shape, strict=True):
                if axis not in file.dimensions:
                    file.dimensions[axis] = None if axis == growing else size
                    if axis == growing:
                        file.resize_dimension(axis, size)
            told = dict(attributes)
            fill = told.pop("_FillValue", None)
            variable = file.create_variable(name, axes, values.dtype, fillvalue=fill, **options)
            variable[...] = values
            variable.attrs.update(told)


def packed(path, variables, growing="time"):
    by_h5netcdf(path, variables, growing, chunks=None, compression="gzip", shuffle=True)


def by_zarr(path, variables, growing="time", version=2):
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    for name, (axes, values, attributes) in variables.items():
        told = dict(attributes)
        fill = told.pop("_FillValue", None)
        named = {"dimension_names": axes} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": list(axes)}}
        array = group.create_array(name, data=values, fill_value=fill, **named)
        array.attrs.update({key: np.asarray(value).tolist() for key, value in told.items()})


def open_netcdf(path, **options):
    return SOURCES.build("netcdf", {"path": str(path), **options})


WRITERS = {"classic": classic(1), "64-bit offset": classic(2), "HDF5": by_h5netcdf, "packed HDF5": packed}
KINDS = {
    "floats": (RNG.normal(size=(3, 4, 5)).astype("f4"), {}, None),
    "double floats": (RNG.normal(size=(3, 4, 5)), {"units": "K"}, None),
    "bytes": ((T - 30).astype("i1"), {}, None),
    "integers": (RAISED, {}, None),
    "scaled": (RAISED, {"scale_factor": 0.25, "add_offset": 270.5}, RAISED * 0.25 + 270.5),
    "scaled to whole numbers": (RAISED, {"scale_factor": 2.0, "add_offset": -3.0}, RAISED.astype("i4") * 2 - 3),
    "unsigned by attribute": ((T * 4).astype("u1").view("i1"), {"_Unsigned": "true"}, (T * 4).astype("u1")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writer", WRITERS)
def test_values_come_back_bit_for_bit_or_scaled(tmp_path, writer, kind):
    values, attributes, expected = KINDS[kind]
    expected = values if expected is None else expected
    WRITERS[writer](tmp_path / "a.nc", {"t": (AXES, values, attributes)})
    source = SOURCES.build(*infer_source(tmp_path / "a.nc"))
    assert (source.shape, source.dtype, source.channel_names) == ((1, 4, 5), expected.dtype, ("t",))
    assert source.read(np.array([2, 0, 0]))[:, 0].tobytes() == expected[[2, 0, 0]].tobytes()


BESIDES = {"time": (("time",), np.arange(3.0), {}), "lat": (("lat",), np.arange(4.0) / 2, {"units": "m"})}
WIND = {
    **BESIDES,
    "lon": (("lon",), np.arange(5.0), {"units": "m"}),
    "u": (AXES, T.astype("f4"), {"units": "m/s"}),
    "v": (AXES, -T.astype("f4"), {}),
    "area": (("lat", "lon"), np.ones((4, 5)), {}),
}


@pytest.mark.parametrize("writer", [*WRITERS, "Zarr 2", "Zarr 3"])
def test_variables_of_the_same_axes_are_channels_and_coordinates_tell_distances(tmp_path, writer):
    write = WRITERS.get(writer) or (lambda path, variables: by_zarr(path, variables, version=int(writer[-1])))
    write(tmp_path / "a.nc", WIND)
    source = open_netcdf(tmp_path / "a.nc")
    assert (source.channel_names, source.spacing) == (("u", "v"), (0.5, 1.0))
    np.testing.assert_array_equal(source.read(np.arange(3)), np.stack([T, -T], axis=1))
    assert source.remarks == ("not read: area; data.source.variables chooses others",)
    assert source.note.startswith("u [m/s], v: samples along time, space lat, lon")
    assert open_netcdf(tmp_path / "a.nc", variables=("v",)).shape == (1, 4, 5)


DEEP = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype("f4")
LEVELS = {"level": (("level",), np.array([500.0, 850.0, 1_000.0]), {})}
CASES = [
    ({}, DEEP[:, None], ("q",)),
    ({"sample_axes": ("time", "level")}, DEEP.reshape(6, 1, 4, 5), ("q",)),
    ({"sample_axes": ("level", "time")}, DEEP.swapaxes(0, 1).reshape(6, 1, 4, 5), ("q",)),
    ({"sample_axes": ("lon",)}, DEEP.transpose(3, 0, 1, 2)[:, None], ("q",)),
    ({"sample_axes": ("lat", "level")}, DEEP.transpose(2, 1, 0, 3).reshape(12, 1, 2, 5), ("q",)),
    ({"channel_axes": ("level",)}, DEEP, ("q level=500", "q level=850", "q level=1000")),
    (
        {"sample_axes": ("lat",), "channel_axes": ("lon", "time")},
        DEEP.transpose(2, 3, 0, 1).reshape(4, 10, 3),
        tuple(f"q lon={lon} time={time}" for lon in range(5) for time in range(2)),
    ),
    ({"sample_axes": ("time", "level", "lat", "lon")}, DEEP.reshape(120, 1), ("q",)),
]


@pytest.mark.parametrize("write", [by_h5netcdf, classic(2), by_zarr], ids=["HDF5", "classic", "Zarr"])
@pytest.mark.parametrize("number", range(len(CASES)))
def test_any_axes_number_samples_or_are_channels(tmp_path, write, number):
    options, expected, names = CASES[number]
    write(tmp_path / "a.nc", {"q": (("time", "level", "lat", "lon"), DEEP, {}), **LEVELS})
    source = open_netcdf(tmp_path / "a.nc", **options)
    order = RNG.permutation(len(expected))
    np.testing.assert_array_equal(source.read(order), expected[order])
    assert source.channel_names == names


def gap(value, dtype):
    return np.where(T == 25, value, T).astype(dtype)


UNWRITTEN = {"f4": math.ldexp(15.0, 119), "i2": -32_767}
GAPS = {
    "_FillValue": (gap(-99, "i2"), {"_FillValue": np.int16(-99)}),
    "missing_value": (gap(-99, "i2"), {"missing_value": np.int16(-99)}),
    "valid_range": (gap(99, "i2"), {"valid_range": np.array([0, 98], "i2")}),
    "valid_max": (gap(99, "f4"), {"valid_max": np.float32(98)}),
    "NaN": (gap(np.nan, "f4"), {}),
    "scaled": (gap(-99, "i2"), {"_FillValue": np.int16(-99), "scale_factor": 0.5}),
    "unwritten": (gap(UNWRITTEN["i2"], "i2"), {}),
    "unwritten floats": (gap(UNWRITTEN["f4"], "f4"), {}),
}


@pytest.mark.parametrize("write", [by_h5netcdf, classic(1)], ids=["HDF5", "classic"])
@pytest.mark.parametrize("kind", GAPS)
def test_missing_values_are_refused_filled_or_left_out_with_their_sample(tmp_path, write, kind):
    values, attributes = GAPS[kind]
    write(tmp_path / "a.nc", {"t": (AXES, values, attributes)})
    with pytest.raises(DataError, match=r"all values wanted, got 5\.0% missing in sample 1; set"):
        open_netcdf(tmp_path / "a.nc")
    filled = open_netcdf(tmp_path / "a.nc", missing="fill", fill=-4.0)
    scale = attributes.get("scale_factor", 1)
    np.testing.assert_array_equal(filled.read(np.arange(3))[:, 0], np.where(T == 25, -4, T * scale))
    skipped = open_netcdf(tmp_path / "a.nc", missing="skip")
    assert skipped.names == ("a.nc#0", "a.nc#2")
    np.testing.assert_array_equal(skipped[1][0], T[2] * scale)


def test_files_of_a_folder_follow_each_other_with_labels(tmp_path):
    letters = np.array([list("ab"), list("cd"), list("ab")], "S1")
    for number, write in enumerate([classic(1), by_h5netcdf]):
        label = (("time", "letters"), letters, {}) if number == 0 else (("time",), np.array([7, 8, 7]), {})
        write(tmp_path / f"{number}.nc", {"t": (AXES, (T + 100 * number).astype("i4"), {}), "label": label})
    (tmp_path / "x").mkdir()
    classic(2)(tmp_path / "x" / "a.nc", {"t": (AXES, T.astype("i4"), {}), "label": (("time", "letters"), letters, {})})
    assert open_netcdf(tmp_path / "0.nc").class_names == ("ab", "cd")
    assert open_netcdf(tmp_path / "1.nc").labels.tolist() == [0, 1, 0]
    both = open_netcdf(tmp_path, label_variable="none")
    assert (len(both), both.names[3], both.labels) == (9, "1.nc#0", None)
    np.testing.assert_array_equal(both.read(np.array([4, 0]))[:, 0], [T[1] + 100, T[0]])


REFUSED = [
    ({"variables": ("w",)}, "a variable 'w' wanted, got area, lat, lon, time, u and 1 more; set"),
    ({"variables": ("u", "area")}, r"numbers along time \(3\), lat \(4\), lon \(5\) wanted in all variables as in u"),
    ({"sample_axes": ("day",)}, r"an axis 'day' wanted, got time \(3\)"),
    ({"channel_axes": ("x",)}, r"an axis 'x' wanted, got time \(3\)"),
    ({"label_variable": "kind"}, r"a variable 'kind' wanted, got .*; set data\.source\.label_variable"),
    ({"label_variable": "area"}, "a word or whole number for each time wanted in 'area', got float64 along"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_what_a_file_does_not_have_is_refused_in_a_line(tmp_path, options, said):
    by_h5netcdf(tmp_path / "a.nc", WIND)
    with pytest.raises(DataError, match=said) as caught:
        open_netcdf(tmp_path / "a.nc", **options)
    assert len(caught.value.lines) == 1


def test_a_file_that_is_still_written_has_as_many_records_as_there_are(tmp_path):
    classic(1)(tmp_path / "a.nc", {"t": (AXES, T.astype("f4"), {}), "u": (AXES, T.astype("i1"), {})})
    content = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(content[:4] + b"\xff" * 4 + content[8:])
    assert len(open_netcdf(tmp_path / "a.nc", variables=("t",))) == 3


def test_files_of_64_bit_data_are_read(tmp_path):
    """CDF-5 has counts of 64 bits: one variable x(n) of unsigned 64-bit numbers, by the grammar of the format."""

    def n(value):
        return value.to_bytes(8, "big")

    name, data = n(1) + b"x\0\0\0", np.array([2**64 - 3, 5], ">u8").tobytes()
    axes = b"\0\0\0\x0a" + n(1) + name + n(2)
    head = b"CDF\x05" + n(0) + axes + bytes(12) + b"\0\0\0\x0b" + n(1) + name + n(1) + n(0) + bytes(12)
    head += b"\0\0\0\x0b" + n(16)
    (tmp_path / "a.nc").write_bytes(head + n(len(head) + 8) + data)
    assert open_netcdf(tmp_path / "a.nc", variables=("x",)).read(np.arange(2)).tolist() == [[2**64 - 3], [5]]


def test_damaged_files_and_those_of_another_kind_are_refused_by_name(tmp_path):
    classic(1)(tmp_path / "b.nc", WIND)
    whole = (tmp_path / "b.nc").read_bytes()
    for content in (b"", b"CDF", b"CDF\x07" + whole[4:], whole[:200], whole[:-200], b"GRIB" + whole[4:]):
        (tmp_path / "c.nc").write_bytes(content)
        with pytest.raises(UnreadableFileError, match=r"c\.nc: cannot be read as a NetCDF file") as caught:
            open_netcdf(tmp_path / "c.nc")
        assert len(caught.value.lines) == 1
    (tmp_path / "c.nc").unlink()
    by_h5netcdf(tmp_path / "c.nc", {"u": (AXES, T[:, :2], {})})
    with pytest.raises(
        DataError, match=r"c\.nc: u, v of shape \(2, 4, 5\) wanted as in b\.nc, got u of shape \(1, 2, 5"
    ):
        open_netcdf(tmp_path)


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    by_h5netcdf(tmp_path / "a.nc", WIND)
    check = check_path(tmp_path / "a.nc")
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert (check.source, len(SOURCES.build(*infer_source(tmp_path / "index.jsonl")))) == ("netcdf", 3)


@pytest.mark.parametrize(("dtype", "mark"), [("u1", np.float32(-9999)), ("i2", np.float32(np.nan)), ("u1", 0.5)])
def test_marks_that_the_stored_type_cannot_hold_mark_nothing(tmp_path, dtype, mark):
    values = np.array([[0, 241, 5], [1, 2, 3]], dtype)
    by_h5netcdf(tmp_path / "a.nc", {"v": (("time", "x"), values, {"missing_value": mark})})
    np.testing.assert_array_equal(open_netcdf(tmp_path / "a.nc").read(np.arange(2))[:, 0], values)


def test_attributes_of_bytes_are_texts(tmp_path):
    values = np.array([[1, -3], [-16, 5]], "i1")
    told = {"_Unsigned": np.bytes_("true"), "ancillary_variables": np.bytes_("error")}
    axes = ("time", "x")
    by_h5netcdf(tmp_path / "a.nc", {"v": (axes, values, told), "error": (axes, values, {})})
    np.testing.assert_array_equal(open_netcdf(tmp_path / "a.nc").read(np.arange(2))[:, 0], values.view("u1"))


def test_labels_over_two_axes_of_samples_are_in_their_order(tmp_path):
    values, labels = np.arange(12).reshape(3, 2, 2).astype("i4"), np.array([[5, 7], [7, 5], [5, 5]], "i4")
    axes = ("time", "member")
    by_h5netcdf(tmp_path / "a.nc", {"v": ((*axes, "x"), values, {}), "kind": (axes, labels, {})})
    source = open_netcdf(tmp_path / "a.nc", variables=("v",), sample_axes=axes, label_variable="kind")
    assert [source.class_names[number] for number in source.labels] == ["5", "7", "7", "5", "5", "5"]


def bits(*numbers, dtype):
    """Unsigned numbers as the classic formats store them, which have no type for them."""
    return np.array(numbers, f"u{dtype[1:]}").view(dtype)


UNSIGNED = {"_Unsigned": "true"}
TENTHS = {"scale_factor": np.float32(0.1), "add_offset": np.float32(0)}
LIMITS = {
    # what is stored, attributes, which of it stands for a value (NetCDF User's Guide, appendix A)
    "unsigned range": (
        bits(0, 3, 128, 254, 255, dtype="i1"),
        {**UNSIGNED, "valid_range": bits(3, 254, dtype="i1")},
        "123",
    ),
    "unsigned least": (bits(0, 127, 128, 255, dtype="i1"), {**UNSIGNED, "valid_min": bits(128, dtype="i1")[0]}, "23"),
    "unsigned most": (bits(0, 127, 254, 255, dtype="i1"), {**UNSIGNED, "valid_max": bits(254, dtype="i1")[0]}, "012"),
    "unsigned range of a wider type": (
        bits(0, 200, 255, dtype="i1"),
        {**UNSIGNED, "valid_range": np.array([0, 200], "i2")},
        "01",
    ),
    "unsigned and unwritten": (bits(0, 32_769, 65_535, dtype="i2"), UNSIGNED, "02"),  # -32,767 as 16 bits
    "of the stored type": (
        np.array([0, 2, 50, 90], "i2"),
        {"scale_factor": 0.5, "valid_range": np.array([2, 60], "i2")},
        "12",
    ),
    "of the type of values": (
        np.array([0, 2, 50, 90], "i2"),
        {"scale_factor": 0.5, "add_offset": 10.0, "valid_range": np.array([11.0, 35.0])},
        "12",
    ),
    "upside down": (
        np.array([0, -2, -50, -90], "i2"),
        {"scale_factor": -0.5, "valid_min": 1.0, "valid_max": 25.0},
        "12",
    ),
    "of floats for whole numbers": (np.array([0, 2, 5, 9], "i2"), {"valid_range": np.array([1.5, 5.5])}, "12"),
    "of wider whole values": (
        np.array([1, 2, 5, 6], "i1"),
        {"scale_factor": np.int32(2), "valid_range": np.array([4, 10], "i4")},
        "12",
    ),
    "rounded": (np.array([0, 1, 3, 4], "i2"), {**TENTHS, "valid_range": np.array([0.1, 0.3], "f4")}, "12"),
    "endless": (np.array([0, 1, 3, 4], "i2"), {"scale_factor": 0.5, "valid_range": np.array([0.4, np.inf])}, "123"),
}


@pytest.mark.parametrize("write", [by_h5netcdf, classic(1)], ids=["HDF5", "classic"])
@pytest.mark.parametrize("kind", LIMITS)
def test_limits_are_of_what_is_stored_or_of_values_as_their_type_says(tmp_path, write, kind):
    stored, attributes, kept = LIMITS[kind]
    write(tmp_path / "a.nc", {"v": (("time", "x"), stored[:, None], attributes)})
    assert open_netcdf(tmp_path / "a.nc", missing="skip").names == tuple(f"a.nc#{row}" for row in kept)


def test_whole_limits_of_zarr_whose_type_is_not_told_are_of_what_is_stored(tmp_path):
    attributes = {"scale_factor": 2, "valid_range": [4, 10]}
    by_zarr(tmp_path / "a.zarr", {"v": (("time", "x"), np.array([[1], [4], [10], [11]], "i2"), attributes)})
    assert open_netcdf(tmp_path / "a.zarr", missing="skip").names == ("a.zarr#1", "a.zarr#2")


def test_labels_and_coordinates_have_the_sign_and_scale_that_attributes_say(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    kind = (("time",), bits(7, 200, dtype="i1"), UNSIGNED)
    x = (("x",), bits(100, 150, 200, dtype="i1"), {**UNSIGNED, "scale_factor": 0.5})
    by_h5netcdf(tmp_path / "a.nc", {"v": (("time", "x"), values, {}), "label": kind, "x": x})
    source = open_netcdf(tmp_path / "a.nc")
    assert (source.class_names, source.spacing) == (("7", "200"), (25.0,))
    half = (("time",), np.array([1, 2], "i2"), {"scale_factor": 0.5})
    by_h5netcdf(tmp_path / "b.nc", {"v": (("time", "x"), values, {}), "label": half})
    with pytest.raises(DataError, match=r"b\.nc: whole numbers or words wanted as labels, got those of label, whose"):
        open_netcdf(tmp_path / "b.nc")
    assert open_netcdf(tmp_path / "b.nc", label_variable="none").labels is None


def test_bytes_that_attributes_call_signed_are(tmp_path):
    values = np.array([[0, 127], [128, 255]], "u1")
    by_h5netcdf(tmp_path / "a.nc", {"v": (("time", "x"), values, {"_Unsigned": "false"})})
    np.testing.assert_array_equal(open_netcdf(tmp_path / "a.nc").read(np.arange(2))[:, 0], [[0, 127], [-128, -1]])


def test_axes_of_one_name_are_refused_by_it_and_other_variables_read(tmp_path):
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        file.dimensions = {"time": 2, "x": 3}
        file.create_variable("covariance", ("time", "x", "x"), "f4")[...] = 0
        file.create_variable("v", ("time", "x"), "f4")[...] = 1
    assert open_netcdf(tmp_path / "a.nc").channel_names == ("v",)
    with pytest.raises(DataError, match=r"axes of several names wanted in 'covariance', got time \(2\), x \(3\), x"):
        open_netcdf(tmp_path / "a.nc", variables=("covariance",))
    with pytest.raises(
        DataError, match=r"each axis once wanted, got 'time' twice; name it in data\.source\.sample_axes"
    ):
        open_netcdf(tmp_path / "a.nc", sample_axes=("time",), channel_axes=("time",))


@pytest.mark.parametrize("write", [by_h5netcdf, classic(1)], ids=["HDF5", "classic"])
def test_variables_along_axes_of_samples_name_groups(tmp_path, write):
    """Of two times at three stations, of which one is read per file, the last station misses a value at the first."""
    values = np.arange(24.0).reshape(2, 3, 4)
    letters = np.array([list("ab"), list("cd"), list("ab")], "S1")
    for number in range(2):
        told = {
            "v": (("time", "station", "x"), np.where(values == 9, np.nan, values), {}),
            "ship": (("station", "letters"), letters, {}),
            "year": (("time",), np.array([2_000, 2_001 + number], "i4"), {}),
            "cruise": (("station", "time"), np.array([[1, 2], [3, 4], [5, 6]], "i4"), {}),
            "label": (("time", "station"), np.array([[7, 8, 7], [8, 7, 7]], "i4"), {}),
        }
        if write is not by_h5netcdf:
            told.pop("cruise")  # axes that grow are the first in the classic formats
        write(tmp_path / f"{number}.nc", told)
    options = {"path": str(tmp_path), "sample_axes": ("time", "station"), "missing": "skip"}
    source = SOURCES.build("netcdf", options, apart=("label",))
    assert source.labels is None
    kept = [0, 1, 3, 4, 5]
    groups = {
        "ship": ["ab", "cd", "ab", "ab", "cd", "ab"],
        "label": ["7", "8", "7", "8", "7", "7"],
        **({"cruise": ["1", "3", "5", "2", "4", "6"]} if write is by_h5netcdf else {}),
    }
    for name, expected in groups.items():
        found = groups_by(source, name)
        assert [found.names[group] for group in found.of] == [expected[row] for row in kept] * 2
    years = groups_by(source, "year")
    assert [years.names[group] for group in years.of] == [*["2000"] * 2, *["2001"] * 3, *["2000"] * 2, *["2002"] * 3]
    with pytest.raises(DataError, match=r"group_by: one of .*ship.* wanted, got 'x'"):
        groups_by(source, "x")


def test_missing_groups_are_refused_and_points_do_not_hold_them(tmp_path):
    told = {
        "v": (("time",), np.arange(3.0), {}),
        "ship": (("time",), np.array([1, -9, 1], "i2"), {"missing_value": -9}),
    }
    by_h5netcdf(tmp_path / "a.nc", told)
    source = SOURCES.build("netcdf", {"path": str(tmp_path / "a.nc")}, apart=("ship",))
    assert source.channel_names == ("v",)
    with pytest.raises(DataError, match=r"text for each sample wanted in 'ship', got nan for a\.nc#1; fill it in"):
        groups_by(source, "ship")


def test_classic_headers_are_read_in_blocks_and_no_size_in_them_is_believed(tmp_path, monkeypatch):
    path = tmp_path / "a.nc"
    classic(1)(path, {"t": (AXES, T.astype("f4"), {"units": "K"})}, growing=None)
    monkeypatch.setattr(OnDisk, "__getitem__", lambda self, key: pytest.fail("a part was read for a field"))
    (found,) = read_classic(path)
    assert (found.shape, bytes(found.attributes["units"], "ascii")) == ((3, 4, 5), b"K")
    content = path.read_bytes()
    at = content.index(b"time") - 4  # the length of the name
    path.write_bytes(content[:at] + b"\x7f\xff\xff\xff" + content[at + 4 :])
    with pytest.raises(ValueError, match="the header is cut off"):
        read_classic(path)
