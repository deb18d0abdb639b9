"""Numbers in CSV files: what libraries wrote comes back bit for bit, and what is no number is refused by its place."""

import csv
import io

import numpy as np
import pyarrow
import pytest
from pyarrow import csv as arrow_csv

from idm.core.errors import DataError, UnreadableFileError
from idm.core.progress import SILENT
from idm.data import SOURCES, infer_source
from idm.data.check import check_path
from idm.run import open_data, open_data_to_score
from idm.run.spec import DataSpec
from idm.settings import Experiment, from_plain
from idm.settings.experiment import DataSettings, SourceSettings
from idm.tasks import train

from ...forging import POINTS as OF_POINTS

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(12, 3)) * 10.0 ** RNG.integers(-9, 9, (12, 3))
EXTREME = np.array([[5e-324, -0.0], [1.7976931348623157e308, 2.2250738585072014e-308], [0.1, 1 / 3], [1e22, 2**53]])
WHOLE = RNG.integers(-(2**63), 2**63 - 1, (9, 2))
NAMES = ("a", "b", "c")


def saved(values, **options):
    """What NumPy writes."""
    stream = io.StringIO()
    np.savetxt(stream, values, **{"delimiter": ","} | options)
    return stream.getvalue()


def rows(values, names=NAMES, **options):
    """What Python's csv module writes."""
    stream = io.StringIO()
    csv.writer(stream, **options).writerows([*([names] if names else []), *np.asarray(values).tolist()])
    return stream.getvalue()


def arrow(values, **options):
    """What Arrow writes."""
    table = pyarrow.table({name: column for name, column in zip(NAMES, values.T, strict=False)})
    stream = io.BytesIO()
    arrow_csv.write_csv(table, stream, arrow_csv.WriteOptions(**options))
    return stream.getvalue()


def indexed(values, first, corner=""):
    """What data frames write: a first column that counts the rows."""
    lines = [f"{corner},a,b,c", *(",".join([f"{i}", *map(repr, row)]) for i, row in enumerate(values.tolist(), first))]
    return "\n".join(lines)


WRITTEN = {
    "numpy.csv": (saved(POINTS), POINTS, None),
    "numpy, a line of names.csv": (saved(POINTS, header="a,b,c"), POINTS, NAMES),
    "numpy, names without a sign.csv": (saved(POINTS, header="a;b;c", comments="", delimiter=";"), POINTS, NAMES),
    "numpy, tabs.tsv": (saved(POINTS, delimiter="\t"), POINTS, None),
    "numpy, whole.csv": (saved(WHOLE % 1000, fmt="%d"), (WHOLE % 1000).astype(float), None),
    "csv.csv": (rows(POINTS), POINTS, NAMES),
    "csv, all in quotes.csv": (rows(POINTS, quoting=csv.QUOTE_ALL), POINTS, NAMES),
    "csv, semicolons.csv": (rows(POINTS, delimiter=";"), POINTS, NAMES),
    "csv, tabs.tsv": (rows(POINTS, dialect="excel-tab"), POINTS, NAMES),
    "csv, no names.csv": (rows(POINTS, names=None), POINTS, None),
    "csv, delimiters in names.csv": (rows(POINTS, ("a, m;s", "b", "ü")), POINTS, ("a, m;s", "b", "ü")),
    "extremes.csv": (rows(EXTREME, ("a", "b")), EXTREME, ("a", "b")),
    "arrow.csv": (arrow(POINTS), POINTS, NAMES),
    "arrow, no names.csv": (arrow(POINTS, include_header=False), POINTS, None),
    "counted from 0.csv": (indexed(POINTS, 0), POINTS, NAMES),
    "counted from 1, in quotes.csv": (indexed(POINTS, 1, '""'), POINTS, NAMES),
    "a mark of the encoding.csv": ("\ufeff" + rows(POINTS), POINTS, NAMES),
    "empty lines.csv": (rows(POINTS).replace("\r\n", "\n\n") + "\n\n", POINTS, NAMES),
    "one sample.csv": (rows(POINTS[:1]), POINTS[:1], NAMES),
    "one column.csv": (rows(POINTS[:, :1], ("a",)), POINTS[:, :1], ("a",)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_come_back_bit_for_bit_with_the_names_of_their_columns(tmp_path, name):
    content, values, names = WRITTEN[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    source = SOURCES.build(*infer_source(tmp_path / name))
    assert (source.shape, source.dtype, source.channel_names) == ((values.shape[1],), np.float64, names)
    assert source.read(np.arange(len(source))).tobytes() == values.tobytes()
    assert source.labels is None


def written(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_integers_keep_all_of_their_digits(tmp_path):
    path = written(tmp_path / "a.csv", rows(WHOLE, ("a", "b")))
    source = SOURCES.build("numeric_csv", {"path": str(path), "values": "integers"})
    assert source.dtype == np.int64
    np.testing.assert_array_equal(source.read(np.arange(len(source))), WHOLE)


def test_columns_are_chosen_by_name_in_the_order_asked_for_and_others_are_named(tmp_path):
    path = written(tmp_path / "a.csv", "id,x,y,species,note", "7,1,2,cat,p", "9,3,4,dog,q", "9,5,6,cat,r")
    options = {"path": str(path), "columns": ("y", "x"), "label_column": "species"}
    source = SOURCES.build("numeric_csv", options)
    np.testing.assert_array_equal(source.read(np.array([2, 0])), [[6, 5], [2, 1]])
    assert (source.channel_names, source.class_names) == (("y", "x"), ("cat", "dog"))
    assert source.labels.tolist() == [0, 1, 0]
    assert source.remarks == ("columns not read: id, note; data.source.columns chooses values",)


@pytest.mark.parametrize(
    ("header", "cells", "names", "classes"),
    [
        ("x,y,label", ("1,2,10", "3,4,9"), ("x", "y"), ("9", "10")),
        ("x,y", ("1,2", "3,4"), ("x", "y"), None),
        ("x,target", ("1,0.5", "3,0.25"), ("x", "target"), None),
        ("x,Class Name", ("1,cat", "3,2"), ("x",), ("2", "cat")),
        ("x,phase", ("1,0.5", "3,0.25"), ("x", "phase"), None),
        (",x", ("5,1", "2,3"), ("", "x"), None),
    ],
)
def test_labels_are_words_or_whole_numbers_in_a_column_that_is_called_so(tmp_path, header, cells, names, classes):
    source = SOURCES.build(*infer_source(written(tmp_path / "a.csv", header, *cells)))
    assert (source.channel_names, source.class_names) == (names, classes)


def test_a_column_of_parts_chooses_the_rows_to_train_on(tmp_path):
    path = written(tmp_path / "a.csv", "x,label,split", "1,a,train", "2,b,test", "3,b,train", "4,a,test")
    source = SOURCES.build("numeric_csv", {"path": str(path), "split": "test"})
    assert source.read(np.arange(2)).tolist() == [[2.0], [4.0]]
    assert source.labels.tolist() == [1, 0]
    assert source.remarks[0].startswith("only the part test is read")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,,3", "a number in every row wanted, got none ('') in row 3 of column 'b'"),
        ("1,2", "a number in every row wanted, got none ('') in row 3 of column 'c'"),
        ("NA,2,3", "got none ('NA') in row 3 of column 'a'"),
        ("1,2,nan", "got none ('nan') in row 3 of column 'c'"),
        ("1,2,inf", "finite numbers wanted, got 'inf' in row 3 of column 'c'"),
        ("1,x,3", "got 'x' in row 3 of column 'b'"),
        ("1,1_000,3", "got '1_000' in row 3 of column 'b'"),
        ('1,"2,5",3', "with a decimal point, wanted, got '2,5' in row 3 of column 'b'"),
        ("1,2,3,4", "as many cells as columns wanted, got more in row 3"),
        (f"1,{'x' * 200_000},3", "cannot be read as CSV"),
    ],
)
def test_what_is_no_number_is_refused_by_row_and_column(tmp_path, line, said):
    path = written(tmp_path / "a.csv", "a,b,c", "1,2,3", line, "4,5,6")
    with pytest.raises(DataError) as error:
        SOURCES.build(*infer_source(path))
    assert len(error.value.lines) == 1
    assert said in error.value.lines[0]
    assert len(error.value.lines[0]) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("lines", "options", "values"),
    [
        (("x;y", "0,5;-1,25", "2;,5e3"), {}, [[0.5, -1.25], [2.0, 500.0]]),
        (("0,5\t1,200", "3,75\t4"), {}, [[0.5, 1.2], [3.75, 4.0]]),
        (("x,y", '"0,5","-1,25"', '"1,234",2'), {"decimal": "comma"}, [[0.5, -1.25], [1.234, 2.0]]),
        (("x;y", "1,234;2,500"), {"decimal": "comma"}, [[1.234, 2.5]]),
    ],
)
def test_numbers_may_have_decimal_commas(tmp_path, lines, options, values):
    path = written(tmp_path / "a.csv", *lines)
    source = SOURCES.build("numeric_csv", {"path": str(path), **options})
    assert source.read(np.arange(len(values))).tolist() == values
    assert "decimal comma" in source.note


def test_a_file_of_decimal_commas_is_recognised_and_keeps_its_text(tmp_path):
    path = written(tmp_path / "a.csv", "400,5;kind;label", "0,5;1;1,2", "1,5;2;c")
    source = SOURCES.build(*infer_source(path))
    assert source.read(np.arange(2)).tolist() == [[0.5, 1.0], [1.5, 2.0]]
    assert (source.class_names, source.channel_names) == (("1,2", "c"), ("400,5", "kind"))


def test_only_columns_that_are_read_tell_of_decimal_commas(tmp_path):
    path = written(tmp_path / "a.csv", "tags;label;x", "3,4;0,1;1", "5,6;2,0;2")
    source = SOURCES.build("numeric_csv", {"path": str(path), "columns": ("x",)})
    assert source.read(np.arange(2)).tolist() == [[1.0], [2.0]]
    assert source.class_names == ("0,1", "2,0")
    assert "decimal point" in source.note


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["1,234;2"], {}, "decimal=comma if it stands"),
        (["0,5;1.5"], {}, "decimal=comma if it stands"),
        (["12,5;1", "1.234;2"], {"decimal": "comma"}, "numbers with a decimal comma, as others have"),
        (["12,5;1"] * 250 + ["1.234;2"], {}, "got '1.234' in row 253"),
        (["2.500,5;1", "0,5;1"], {}, "without marks between thousands"),
        (["1'234;1"], {}, "without marks between thousands"),
    ],
)
def test_marks_between_thousands_are_no_decimals(tmp_path, lines, options, said):
    path = written(tmp_path / "a.csv", "x;y", "1;2", *lines)
    with pytest.raises(DataError, match=said):
        SOURCES.build("numeric_csv", {"path": str(path), **options})


def test_files_that_are_none_are_refused_in_one_line(tmp_path):
    (tmp_path / "latin.csv").write_bytes("gr\xf6\xdfe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(UnreadableFileError, match="save it as UTF-8"):
        SOURCES.build("numeric_csv", {"path": str(tmp_path / "latin.csv")})
    for name, lines in (("empty", ()), ("names", ("a,b",)), ("twice", ("a,a", "1,2")), ("split", ('"a\nb",c', "1,2"))):
        path = written(tmp_path / f"{name}.tsv", *lines)
        with pytest.raises(DataError) as error:
            SOURCES.build(
                *infer_source(path),
            )
        assert len(error.value.lines) == 1
        assert "\n" not in error.value.lines[0]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("path,label", "1,2"), "csv"),
        (("file;label", "0.png;3"), "csv"),
        (("a,b", "x,y"), "csv"),
        (("a,b",), "csv"),
        (("a,b", "1,x"), "numeric_csv"),
        (("1,2",), "numeric_csv"),
        (("1,2", "3,4"), "numeric_csv"),
    ],
)
def test_a_csv_file_is_of_numbers_where_its_first_row_has_one_and_names_no_image(tmp_path, lines, name):
    path = written(tmp_path / "a.csv", *lines)
    assert infer_source(path) == infer_source(tmp_path) == (name, {"path": str(path)})


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    path = written(tmp_path / "a.csv", rows(POINTS))
    check = check_path(path)
    assert (check.source, check.num_samples, check.refusals) == ("numeric_csv", 12, ())
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert SOURCES.build(*infer_source(tmp_path / "index.jsonl")).channel_names == NAMES


def test_names_of_columns_stay_with_what_is_known_of_the_data(tmp_path):
    path = written(tmp_path / "a.csv", rows(POINTS))
    spec = open_data(DataSettings(SourceSettings("numeric_csv", {"path": str(path), "columns": ("c", "a")}))).spec
    assert spec.channel_names == ("c", "a")
    plain = spec.to_plain()
    assert DataSpec.from_plain(plain) == spec
    for wrong in (["c"], "ca", 3, [1, 2]):
        with pytest.raises((ValueError, TypeError)):
            DataSpec.from_plain(plain | {"channel_names": wrong})
    del plain["channel_names"]  # of an older checkpoint
    assert DataSpec.from_plain(plain).channel_names is None


def test_a_run_finds_its_columns_by_name_in_another_file(tmp_path):
    path = written(tmp_path / "a.csv", "u,v,label", *(f"{row},{row + 0.5},{'xy'[row % 2]}" for row in range(20)))
    plain = OF_POINTS | {"data": {"source": {"name": "numeric_csv", "path": str(path)}, "held_out": 4}}
    run = train(from_plain(Experiment, plain), tmp_path / "run", device="cpu", listener=SILENT)
    other = written(tmp_path / "b.csv", "v,label,more,u", "2.5,y,0,2", "3.5,x,0,3")
    source = open_data_to_score(run, other).held_out.source
    assert source.read(np.arange(2)).tolist() == [[2.0, 2.5], [3.0, 3.5]]
    with pytest.raises(DataError, match="a column 'v' wanted, got u, label"):
        open_data_to_score(run, written(tmp_path / "c.csv", "u,label", "2,y", "3,x"))


def test_rows_that_miss_values_are_counted_and_left_out_where_it_is_said(tmp_path):
    lines = ["a,b,kind,split", "1,2,x,train", ",4,y,train", "5,NA,x,train", "7,8,y,test", "9,,z,test", "3,3,y,train"]
    options = {"path": str(written(tmp_path / "a.csv", *lines)), "label_column": "kind"}
    with pytest.raises(
        DataError, match=r"row 3 of column 'a', one of 3 in 6 rows with .* set data\.source\.missing=skip"
    ):
        SOURCES.build("numeric_csv", options)
    with pytest.raises(DataError, match="one of 1 in 2 rows"):
        SOURCES.build("numeric_csv", options | {"split": "test"})
    source = SOURCES.build("numeric_csv", options | {"missing": "skip"})
    np.testing.assert_array_equal(source.read(np.arange(3)), [[1, 2], [7, 8], [3, 3]])
    assert source.class_names is not None
    assert [source.class_names[label] for label in source.labels] == ["x", "y", "y"]
    assert "3 of 6 rows are not read, since values are missing" in source.remarks
    assert source.beside.read("apart", "kind", 3).tolist() == ["x", "y", "y"]
    part = SOURCES.build("numeric_csv", options | {"missing": "skip", "split": "train"})
    np.testing.assert_array_equal(part.read(np.arange(2)), [[1, 2], [3, 3]])
    empty = written(tmp_path / "b.csv", "a,b", "1,", ",2")
    with pytest.raises(DataError, match=r"got none among 2; choose other columns with data\.source\.columns"):
        SOURCES.build("numeric_csv", {"path": str(empty), "missing": "skip"})


def test_columns_of_numbers_are_named_where_others_are_read_too(tmp_path):
    (tmp_path / "a.csv").write_text("id,site,long,wide\nF1,x,1.5,2\nF2,y,2.5,3\n")
    with pytest.raises(DataError, match=r"set data\.source\.columns='\[long,wide\]' to read those of numbers alone"):
        SOURCES.build("numeric_csv", {"path": str(tmp_path / "a.csv")})
    (tmp_path / "b.csv").write_text("id,a b\nF1,1.5\n")
    with pytest.raises(DataError, match=r"choose other columns with data\.source\.columns"):
        SOURCES.build("numeric_csv", {"path": str(tmp_path / "b.csv")})
