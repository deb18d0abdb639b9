"""FITS files: what astropy wrote comes back bit for bit, or as scale and offset say; missing values as is wished."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.check import check_path
from idm.data.groups import groups_by

RNG = np.random.default_rng(0)


def numbers(dtype, shape=(4, 5)):
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    values = RNG.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    values.reshape(-1)[:2] = limits.min, limits.max
    return values


def scaled(stored, scale, zero, dtype):
    """An image whose stored numbers, scale and zero are these."""
    unit = fits.ImageHDU(stored.astype(dtype))
    unit.header["BSCALE"], unit.header["BZERO"] = scale, zero
    return unit


def stamps(values, **options):
    column = fits.Column("stamp", f"{values[0].size}{options.pop('code')}", dim="(5,4)", array=values, **options)
    kinds = fits.Column("kind", "5A", array=np.array(["disc", "ring", "disc"])[: len(values)])
    return fits.BinTableHDU.from_columns([kinds, column])


NAMES = ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
CUBE, PACKED = numbers("f4", (6, 4, 5)), RNG.integers(-50, 50, (40, 33))
STORED = np.arange(-10, 10).reshape(4, 5)
WRITTEN = {
    **{f"image of {name}": (fits.ImageHDU(values := numbers(name)), values[None]) for name in NAMES},
    "scaled to whole numbers": (scaled(STORED, 2.0, 5.0, "i2"), STORED[None].astype("i4") * 2 + 5),
    "scaled": (scaled(STORED, 0.5, -1.25, "i4"), STORED[None] * 0.5 - 1.25),
    "scaled floats": (scaled(STORED, 2.0, 0.0, "f4"), STORED[None] * 2.0),
    "cube": (fits.ImageHDU(CUBE), CUBE),
    "stamps": (stamps(values := numbers("f4", (3, 4, 5)), code="E"), values),
    "scaled stamps": (stamps(values := numbers("u2", (3, 4, 5)), code="I", bzero=32_768), values),
    "one sample": (stamps(values := numbers("i4", (1, 4, 5)), code="J"), values),
    "packed by tiles": (fits.CompImageHDU(PACKED.astype("i2")), PACKED[None].astype("i2")),
    "packed unsigned": (fits.CompImageHDU((PACKED + 33_000).astype("u2")), (PACKED[None] + 33_000).astype("u2")),
    "packed without loss": (fits.CompImageHDU(CUBE, compression_type="GZIP_2", quantize_level=0), CUBE),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_values_come_back_bit_for_bit_or_scaled(tmp_path, name):
    unit, expected = WRITTEN[name]
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(tmp_path / "a.fits")
    source = SOURCES.build(*infer_source(tmp_path / "a.fits"))
    rows = source.read(np.arange(len(source)))
    assert rows.dtype == (expected.dtype if "scaled to" not in name else np.dtype("i4"))
    assert rows[:, 0].tobytes() == expected.astype(rows.dtype).tobytes()


def save(path, values, header=(), name="SCI"):
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(values, fits.Header(header), name)]).writeto(path)
    return path


def test_files_of_a_folder_are_samples_in_their_classes_packed_or_not(tmp_path):
    for number, kind in enumerate(["disc", "ring", "disc"]):
        save(tmp_path / kind / f"{number}.fits", CUBE[number])
    packed = tmp_path / "ring" / "9.fits.gz"
    packed.write_bytes(gzip.compress(save(tmp_path / "x.fit", CUBE[3]).read_bytes()))
    (tmp_path / "x.fit").unlink()
    assert infer_source(tmp_path) == ("fits", {"path": str(tmp_path)})
    source = SOURCES.build("fits", {"path": str(tmp_path), "labels": "folder"})
    assert source.names == ("disc/0.fits", "disc/2.fits", "ring/1.fits", "ring/9.fits.gz")
    assert source.labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(source.read(np.array([3, 1, 1]))[:, 0], CUBE[[3, 2, 2]])


def test_cubes_are_samples_of_their_own_where_there_are_several_or_that_is_said(tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.fits", CUBE[:3] + number)
    source = SOURCES.build(*infer_source(tmp_path))
    np.testing.assert_array_equal(source.read(np.arange(2)), [CUBE[:3], CUBE[:3] + 1])
    planes = SOURCES.build("fits", {"path": str(tmp_path), "samples": "planes"})
    assert planes.names[2:4] == ("0.fits#2", "1.fits#0")
    np.testing.assert_array_equal(planes.read(np.array([3, 2]))[:, 0], [CUBE[0] + 1, CUBE[2]])
    options = {"path": str(tmp_path / "0.fits"), "samples": "files", "spatial_dims": 3}
    assert SOURCES.build("fits", options).shape == (1, 3, 4, 5)


def test_a_column_of_words_or_numbers_labels_stamps(tmp_path):
    values = numbers("f4", (3, 4, 5))
    stamps(values, code="E").writeto(tmp_path / "a.fits")
    told = {"path": str(tmp_path / "a.fits"), "label_column": "kind"}
    assert SOURCES.build("fits", told).class_names == ("disc", "ring")
    columns = [fits.Column("label", "J", array=[7, 30, 7]), fits.Column("x", "20E", dim="(5,4)", array=values)]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "b.fits")
    source = SOURCES.build(*infer_source(tmp_path / "b.fits"))
    assert (source.labels.tolist(), source.class_names) == ([0, 1, 0], ("7", "30"))


WITH_NAN = np.where(np.arange(60).reshape(3, 4, 5) == 25, np.nan, 1.5).astype("f4")
BLANK = np.where(np.arange(60).reshape(3, 4, 5) == 25, -99, np.arange(60).reshape(3, 4, 5)).astype("i2")
MISSING = {"NaN": (WITH_NAN, ()), "BLANK": (BLANK, [("BLANK", -99)])}


@pytest.mark.parametrize("name", MISSING)
def test_missing_values_are_refused_filled_or_left_out_with_their_sample(tmp_path, name):
    values, header = MISSING[name]
    path = str(save(tmp_path / "a.fits", values, header))
    with pytest.raises(DataError, match=r"all values wanted, got 5\.0% missing in sample 1; set") as caught:
        SOURCES.build("fits", {"path": path})
    assert len(caught.value.lines) == 1
    source = SOURCES.build("fits", {"path": path, "missing": "fill", "fill": -2.0})
    assert source.dtype == values.dtype
    np.testing.assert_array_equal(source[1][0], np.where(np.arange(20, 40).reshape(4, 5) == 25, -2, values[1]))
    source = SOURCES.build("fits", {"path": path, "missing": "skip"})
    assert (len(source), source.names) == (2, ("a.fits#0", "a.fits#2"))
    assert "1 of 3 samples are not read, since values are missing" in source.remarks
    np.testing.assert_array_equal(source.read(np.array([1, 0]))[:, 0], values[[2, 0]])


def several(path):
    units = [fits.ImageHDU(CUBE[0], name="SCI"), fits.ImageHDU(CUBE[1], name="WHT"), stamps(CUBE[:3], code="E")]
    fits.HDUList([fits.PrimaryHDU(), *units]).writeto(path)
    return str(path)


@pytest.mark.parametrize(("hdu", "row"), [(None, 0), ("wht", 1), (2, 1), ("2", 1), (3, 0)])
def test_units_go_by_name_or_number_and_others_are_named(tmp_path, hdu, row):
    source = SOURCES.build("fits", {"path": several(tmp_path / "a.fits"), "hdu": hdu})
    np.testing.assert_array_equal(source[0][0], CUBE[row])
    assert len(source) == (3 if hdu == 3 else 1)
    assert hdu is not None or source.remarks == ("not read: HDU 2 (WHT), HDU 3; data.source.hdu chooses another",)


REFUSED = [
    ({"hdu": "ERR"}, r"an HDU 'ERR' wanted, got HDU 0 \(PRIMARY\), HDU 1 \(SCI\)"),
    ({"hdu": 0}, r"wanted in HDU 0 \(PRIMARY\), got none; set data\.source\.hdu to 1 or 2 or 3"),
    ({"hdu": 3, "column": "kind"}, "a column of images 'kind' wanted, got stamp; set"),
    ({"hdu": 3, "label_column": "x"}, "a column 'x' wanted, got kind, stamp; set"),
    ({"hdu": 3, "label_column": "stamp"}, "a word or whole number in every row of 'stamp' wanted"),
    ({"missing": "fill", "fill": float("nan")}, "fill: a finite number wanted for values of float32, got nan"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_what_a_file_does_not_have_is_refused_in_a_line(tmp_path, options, said):
    with pytest.raises(DataError, match=said) as caught:
        SOURCES.build("fits", {"path": several(tmp_path / "a.fits"), **options})
    assert len(caught.value.lines) == 1


def test_damaged_files_and_those_of_another_shape_are_refused_by_name(tmp_path):
    save(tmp_path / "a" / "0.fits", CUBE[0])
    save(tmp_path / "a" / "1.fits", CUBE[0].T)
    with pytest.raises(DataError, match=r"1\.fits: samples of shape \(4, 5\) wanted as in 0\.fits, got \(5, 4\)"):
        SOURCES.build("fits", {"path": str(tmp_path / "a")})
    whole = save(tmp_path / "b.fits", numbers("f8", (40, 50))).read_bytes()
    for content in (b"", b"SIMPLE", whole[:3_000], whole[:9_000], whole.replace(b"BITPIX  =", b"BITPIX  ~")):
        (tmp_path / "c.fits").write_bytes(content)
        with pytest.raises(DataError, match=r"c\.fits: .*(cannot be read|got none)") as caught:
            SOURCES.build("fits", {"path": str(tmp_path / "c.fits")})
        assert len(caught.value.lines) == 1
    source = SOURCES.build("fits", {"path": str(tmp_path / "b.fits")})
    (tmp_path / "b.fits").write_bytes(whole[:9_000])
    with pytest.raises(UnreadableFileError, match=r"b\.fits: cannot be read"):
        source.read(np.arange(1))


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    check = check_path(save(tmp_path / "data" / "a.fits", CUBE).parent)
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert (check.source, len(SOURCES.build(*infer_source(tmp_path / "index.jsonl")))) == ("fits", 6)


def table_with(*columns, count=3):
    """A table of stamps with these columns."""
    stamp = fits.Column("x", "20E", dim="(5,4)", array=numbers("f4", (count, 4, 5)))
    return fits.BinTableHDU.from_columns([*columns, stamp])


LABELS = {
    "unsigned": (
        fits.Column("label", "I", bzero=32_768, array=np.array([0, 40_000, 65_535], "u2")),
        ("0", "40000", "65535"),
    ),
    "signed bytes": (fits.Column("label", "B", bzero=-128, array=np.array([-128, 0, 127], "i1")), ("-128", "0", "127")),
    "scaled": (fits.Column("label", "I", array=np.array([1, 2, 0])), ("5", "15", "25")),
    "logical": (fits.Column("label", "L", array=np.array([True, False, True])), ("0", "1")),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_what_astropy_reads_in_the_column(tmp_path, kind):
    column, names = LABELS[kind]
    table_with(column).writeto(tmp_path / "a.fits")
    for key, value in {"TSCAL1": 10, "TZERO1": 5}.items() if kind == "scaled" else ():
        fits.setval(tmp_path / "a.fits", key, value=value, ext=1)
    source = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    with fits.open(tmp_path / "a.fits") as units:
        expected = [str(int(value)) for value in units[1].data["label"]]
    assert source.class_names == names
    assert [names[label] for label in source.labels] == expected


def test_a_column_of_fractions_is_no_label(tmp_path):
    table_with(fits.Column("label", "I", array=np.array([1, 2, 3]))).writeto(tmp_path / "a.fits")
    fits.setval(tmp_path / "a.fits", "TSCAL1", value=0.5, ext=1)
    assert SOURCES.build("fits", {"path": str(tmp_path / "a.fits")}).labels is None
    with pytest.raises(DataError, match="a word or whole number in every row of 'label' wanted, got float64; set"):
        SOURCES.build("fits", {"path": str(tmp_path / "a.fits"), "label_column": "label"})


def test_logical_stamps_are_bits(tmp_path):
    values = np.arange(60).reshape(3, 4, 5) % 3 == 0
    column = fits.Column("mask", "20L", dim="(5,4)", array=values)
    fits.BinTableHDU.from_columns([column]).writeto(tmp_path / "a.fits")
    source = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    assert (source.dtype, source.levels) == (np.bool_, 2)
    np.testing.assert_array_equal(source.read(np.array([2, 0]))[:, 0], values[[2, 0]])


@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_zero_bytes_after_the_last_unit_are_passed_over_as_astropy_does(tmp_path, suffix):
    content = save(tmp_path / "whole.fits", CUBE).read_bytes()
    for rest in (b"\0", bytes(2_880), bytes(10_000)):
        whole = content + rest
        (tmp_path / f"a.{suffix}").write_bytes(gzip.compress(whole) if suffix.endswith("gz") else whole)
        source = SOURCES.build("fits", {"path": str(tmp_path / f"a.{suffix}")})
        np.testing.assert_array_equal(source.read(np.arange(6))[:, 0], CUBE)
    (tmp_path / "b.fits").write_bytes(content + bytes(2_880) + b"more")
    with pytest.raises(UnreadableFileError, match=r"b\.fits: .*zero bytes after the last unit, and more behind them"):
        SOURCES.build("fits", {"path": str(tmp_path / "b.fits")})


def widened(path, row_bytes, unused):
    """Write a table of labels and stamps whose rows have so many bytes by their header, and unused ones at the end."""
    unit = table_with(fits.Column("label", "J", array=np.array([5, 7, 5])))
    unit.writeto(path)
    with fits.open(path) as units:
        begin, expected = units[1].fileinfo()["datLoc"], np.array(units[1].data["x"])
    content = path.read_bytes()
    rows = np.frombuffer(content[begin : begin + 3 * 84], "u1").reshape(3, 84)
    rows = np.concatenate([rows, np.full((3, unused), 99, "u1")], axis=1).tobytes()
    place = content.index(b"NAXIS1  =", 2_880) + 10
    head = content[:place] + f"{row_bytes:>20}".encode() + content[place + 20 : begin]
    path.write_bytes(head + rows.ljust(2_880, b"\0"))
    return expected


def test_rows_are_as_long_as_the_header_says(tmp_path):
    expected = widened(tmp_path / "a.fits", 84 + 6, 6)
    source = SOURCES.build("fits", {"path": str(tmp_path / "a.fits")})
    np.testing.assert_array_equal(source.read(np.arange(3))[:, 0], expected)
    assert source.labels.tolist() == [0, 1, 0]
    widened(tmp_path / "b.fits", 80, 0)
    with pytest.raises(DataError, match=r"b\.fits: rows of 84 bytes, as their columns take, wanted, got NAXIS1 = 80"):
        SOURCES.build("fits", {"path": str(tmp_path / "b.fits")})


def test_columns_of_tables_name_groups(tmp_path):
    for number in range(2):
        field = fits.Column("label", "I", bzero=32_768, array=np.array([40_000, number, 40_000], "u2"))
        night = fits.Column("night", "3A", array=np.array(["a", "b", "a"]))
        table_with(field, night, fits.Column("seeing", "E", array=np.array([1.0, 0.5, 2.0]))).writeto(
            tmp_path / f"{number}.fits"
        )
    source = SOURCES.build("fits", {"path": str(tmp_path)}, apart=("label",))
    assert source.labels is None
    groups = groups_by(source, "label")
    assert [groups.names[group] for group in groups.of] == ["40000", "0", "40000", "40000", "1", "40000"]
    assert groups_by(source, "night").of.tolist() == [0, 1, 0, 0, 1, 0]
    with pytest.raises(DataError, match=r"text for each sample wanted in 'seeing', got 0\.5 for 0\.fits#1"):
        groups_by(source, "seeing")
    save(tmp_path / "image" / "a.fits", CUBE)
    with pytest.raises(DataError, match="group_by: data with columns or further arrays wanted, got 'night'"):
        groups_by(SOURCES.build("fits", {"path": str(tmp_path / "image")}), "night")
