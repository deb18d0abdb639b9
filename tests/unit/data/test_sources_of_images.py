"""CSV files, tar shards and tables: the images they hold, their labels, and clear refusals."""

import io
import tarfile

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet as writer

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3)).astype(np.uint8)
EXPECTED = PIXELS.transpose(0, 3, 1, 2)


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path):
    for number, pixels in enumerate(PIXELS):
        (tmp_path / f"{number}.png").write_bytes(encoded(pixels))
    return tmp_path


def csv(folder, *lines, **options):
    (folder / "list.csv").write_text("\n".join(lines))
    return SOURCES.build("csv", {"path": str(folder / "list.csv"), **options})


def test_a_csv_gives_its_rows_in_its_order_with_numbers_in_numerical_order(folder):
    source = csv(folder, "path,label", "3.png,10", "0.png,9", '"1.png",9')
    np.testing.assert_array_equal(source.read(np.arange(3)), EXPECTED[[3, 0, 1]])
    assert source.names == ("3.png", "0.png", "1.png")
    assert (source.labels.tolist(), source.class_names) == ([1, 0, 0], ("9", "10"))
    source = csv(folder, "file;kind", "3.png;b", "0.png;a", delimiter=";", path_column="file", label_column="kind")
    assert (source.labels.tolist(), source.class_names) == ([1, 0], ("a", "b"))
    assert csv(folder, "path", "3.png").labels is None
    assert infer_source(folder / "list.csv")[0] == "csv"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["file,label", "0.png,1"], "a column 'path' wanted, got file, label"),
        (["path,label"], "a line per image wanted, got none"),
        (["path,label", "0.png"], "a label wanted in every row, got none in row 2"),
        (["path,label", "0.png,1", ",2"], "a path wanted in row 3"),
        (["path,label", "0.png,1", "1.png,1", "0.png,2"], r"got 0\.png in rows 2 and 4"),
        (["path,label", "0.png,a,b"], "more in row 2"),
        (["path,label", "gone.png,1"], r"gone\.png: an image file wanted, got nothing there"),
    ],
)
def test_wrong_csv_files_are_refused_by_row(folder, lines, reason):
    with pytest.raises(DataError, match=reason):
        csv(folder, *lines)


def test_a_csv_that_is_not_text_is_refused(folder):
    (folder / "list.csv").write_bytes(b"path\n\xff\xfe.png")
    with pytest.raises(UnreadableFileError, match=r"list\.csv: cannot be read as CSV"):
        SOURCES.build("csv", {"path": str(folder / "list.csv")})


def shard(path, members):
    """Write members: bytes are files; a text is the type of a member that is none, such as "2" for a link."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content.encode(), "/etc/passwd"
                archive.addfile(member)


def opened(path, **options):
    return SOURCES.build("webdataset", {"path": str(path), **options})


def test_shards_give_their_samples_in_order(tmp_path):
    for number in range(2):
        rows = range(3 * number, 3 * number + 3)
        parts = [(("png", encoded(PIXELS[row])), ("cls", b"%d\n" % (row + 8)), ("json", b"{}")) for row in rows]
        shard(
            tmp_path / f"{number}.tar", [(f"a/{row}.{s}", c) for row, p in zip(rows, parts, strict=True) for s, c in p]
        )
    source = SOURCES.build(*infer_source(tmp_path))
    np.testing.assert_array_equal(source.read(np.array([5, 0, 3])), EXPECTED[[5, 0, 3]])
    assert source.class_names == ("8", "9", "10", "11", "12", "13")
    assert source.names[3] == "1.tar/a/3"
    assert opened(tmp_path, label="none").labels is None
    assert len(opened(tmp_path / "1.tar")) == 3


IMAGE = encoded(PIXELS[0])


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("a.png", "2")], "plain files wanted, got 'a.png', a link"),
        ([("a.png", "1")], "plain files wanted"),
        ([("a.png", "3")], "plain files wanted"),
        ([("a.png", "6")], "plain files wanted"),
        ([("a\nb.png", IMAGE)], "plain files wanted"),
        ([("a.png", IMAGE), ("a.png", IMAGE)], r"got a\.png twice"),
        ([("a.png", IMAGE), ("a.jpg", IMAGE)], r"one image wanted in sample a, got \.png, \.jpg"),
        ([("a.txt", b"text")], "one image wanted in sample a"),
        ([("a.png", IMAGE), ("a.cls", b"1"), ("b.png", IMAGE)], "b: a label wanted as other samples have one"),
        ([("a.png", IMAGE), ("a.cls", b"x" * 2_000)], r"a\.cls: a class as text in one line wanted"),
        ([("a.png", b"no image")], r"a\.png: cannot be read as an image \(cannot identify image file\)"),
        ([], "got empty shards"),
    ],
)
def test_wrong_shards_are_refused_by_name(tmp_path, members, reason):
    shard(tmp_path / "a.tar", members)
    with pytest.raises(DataError, match=reason):
        opened(tmp_path / "a.tar")


def test_names_in_a_shard_lead_nowhere(tmp_path):
    shard(tmp_path / "a.tar", [("../../etc/a.png", IMAGE), ("/b.png", IMAGE)])
    before = sorted(tmp_path.parent.rglob("*"))
    np.testing.assert_array_equal(opened(tmp_path / "a.tar")[1], EXPECTED[0])
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_cut_off_and_compressed_shards_are_refused(tmp_path, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    shard(tmp_path / "a.tar", [("a.png", encoded(noise)), ("b.png", encoded(noise))])
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UnreadableFileError, match=r"a\.tar: cannot be read as a tar file"):
        opened(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "b.tar", "w:gz"):
        pass
    with pytest.raises(UnreadableFileError, match="not compressed"):
        opened(tmp_path / "b.tar")


def parquet(path, columns):
    writer.write_table(pyarrow.table(columns), path)


def test_encoded_images_in_a_table_are_read_from_one_or_several_files(tmp_path):
    for number in range(2):
        cells = [encoded(pixels) for pixels in PIXELS[3 * number : 3 * number + 3]]
        parquet(tmp_path / f"{number}.parquet", {"image": cells, "label": ["b", "a", "b"]})
    source = SOURCES.build(*infer_source(tmp_path))
    np.testing.assert_array_equal(source.read(np.arange(6)), EXPECTED[:6])
    assert (source.labels.tolist(), source.class_names) == ([1, 0, 1, 1, 0, 1], ("a", "b"))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_nested_lists_in_a_table_are_arrays(tmp_path, dtype):
    data = (100 * np.random.default_rng(0).uniform(size=(4, 2, 9))).astype(dtype)
    kind = pyarrow.list_(pyarrow.list_(pyarrow.from_numpy_dtype(dtype)))
    parquet(tmp_path / "a.parquet", {"x": pyarrow.array(data.tolist(), kind)})
    source = SOURCES.build(*infer_source(tmp_path / "a.parquet"))
    np.testing.assert_array_equal(source.read(np.arange(4)), data)
    assert source.dtype == dtype


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"x": [[1.0, 2.0], [3.0]]}, "lists of one length wanted"),
        ({"x": [[1.0, 2.0], None]}, "got 1 empty cells"),
        ({"x": ["a", "b"]}, "a row and a column of numbers, images or lists at least wanted, got x of string"),
        ({"a": [[1]], "b": [[2]]}, "one column of samples wanted, got a, b"),
        ({"a": [[1]], "x": ["b"]}, "encoded images or lists of numbers wanted, got string"),
        ({"x": [[1.0], [2.0]], "label": [0.5, 1.5]}, "an integer or text in every row of 'label' wanted"),
        ({"image": [{"bytes": None, "path": "a.png"}]}, "got paths only|lists of numbers wanted"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, columns, reason):
    parquet(tmp_path / "a.parquet", columns)
    with pytest.raises(DataError, match=reason):
        SOURCES.build("table", {"path": str(tmp_path / "a.parquet")})


def test_files_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(UnreadableFileError, match=r"a\.parquet: cannot be read as a table"):
        SOURCES.build("table", {"path": str(tmp_path / "a.parquet")})
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(UnreadableFileError, match="cannot be read as a table"):
        SOURCES.build("table", {"path": str(tmp_path)})
    with pytest.raises(DataError, match="nothing there"):
        SOURCES.build("table", {"path": str(tmp_path / "missing.parquet")})


def test_data_sets_that_hugging_face_saved_are_read_with_their_class_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["dog", "cat"])})
    images = [{"bytes": encoded(pixels), "path": None} for pixels in PIXELS[:4]]
    saved = datasets.Dataset.from_dict({"image": images, "label": [0, 1, 1, 0]}, features=features)
    saved.save_to_disk(str(tmp_path / "images"))
    saved.to_parquet(str(tmp_path / "a.parquet"))
    for place in ("images", "a.parquet"):
        source = SOURCES.build(*infer_source(tmp_path / place))
        np.testing.assert_array_equal(source.read(np.arange(4)), EXPECTED[:4])
        assert (source.labels.tolist(), source.class_names) == ([0, 1, 1, 0], ("dog", "cat"))
    arrays = datasets.Dataset.from_dict(
        {"x": EXPECTED[:4, :, 0]}, features=datasets.Features({"x": datasets.Array2D((3, 5), "uint8")})
    )
    arrays.save_to_disk(str(tmp_path / "arrays"))
    source = SOURCES.build(*infer_source(tmp_path / "arrays"))
    np.testing.assert_array_equal(source.read(np.arange(4)), EXPECTED[:4, :, 0])
    datasets.DatasetDict({"train": saved, "test": saved}).save_to_disk(str(tmp_path / "splits"))
    with pytest.raises(DataError, match="got a folder of test, train"):
        SOURCES.build(*infer_source(tmp_path / "splits"))
