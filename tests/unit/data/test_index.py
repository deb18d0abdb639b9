"""Training on an index reads what was indexed: these files, in this order, with these labels, unchanged."""

import io
import json
import tarfile

import numpy as np
import pytest
import zarr
from PIL import Image

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.check import check_located, check_path
from idm.data.hashing import files_of
from idm.data.images import collection as images
from idm.data.sources.index import read_index

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
NAMES = ("cat/0.bmp", "cat/1.bmp", "cat/2.bmp", "dog/3.bmp", "dog/4.bmp", "dog/5.bmp")


@pytest.fixture
def folder(tmp_path):
    for name, pixels in zip(NAMES, PIXELS, strict=True):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "data" / name)
    return tmp_path / "data"


@pytest.fixture
def write(tmp_path):
    """Check a path and write its index."""

    def write(path):
        (tmp_path / "index.jsonl").write_text(check_path(path).index.to_text(), encoding="utf-8")
        return tmp_path / "index.jsonl"

    return write


def opened(index, **options):
    name, inferred = infer_source(index)
    assert name == "index"
    return SOURCES.build(name, inferred | options)


def edit(index, change):
    """Rewrite the lines of an index."""
    head, *lines = [json.loads(line) for line in index.read_text().splitlines()]
    index.write_text("".join(json.dumps(line) + "\n" for line in change(head, lines)))


def test_an_indexed_folder_is_the_folder(folder, write):
    plain, source = SOURCES.build(*infer_source(folder)), opened(write(folder))
    np.testing.assert_array_equal(source.read(np.arange(6)), PIXELS.transpose(0, 3, 1, 2))
    assert (source.names, source.class_names) == (NAMES, ("cat", "dog"))
    assert source.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.fingerprint() == plain.fingerprint()
    assert "as indexed in index.jsonl" in source.note


def test_files_that_are_new_since_are_not_read(folder, write):
    index = write(folder)
    Image.new("CMYK", (3, 3)).save(folder / "ant.jpg")
    assert opened(index).names == NAMES


def test_order_and_labels_are_those_of_the_index(folder, write):
    index = write(folder)
    edit(index, lambda head, lines: [head, *({**line, "label": "dog"} for line in lines[::-1])])
    source = opened(index)
    assert source.names == NAMES[::-1]
    assert (source.labels.tolist(), source.class_names) == ([0] * 6, ("dog",))


def test_images_are_brought_to_the_size_of_the_check(tmp_path, write):
    (tmp_path / "data").mkdir()
    for number in range(2):
        Image.new("L", (70 + number, 90)).save(tmp_path / "data" / f"{number}.png")
    index = write(tmp_path / "data")
    assert infer_source(index) == ("index", {"path": str(index), "image_size": 64})
    assert opened(index).shape == (1, 64, 64)


def test_data_that_were_moved_are_found_where_one_is_told(folder, write):
    index = write(folder)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(DataError, match=r"cat/0\.bmp: the file that was indexed wanted, got nothing there") as error:
        opened(index)
    assert len(error.value.lines) == 6
    source = opened(index, folder=str(folder.with_name("elsewhere")))
    np.testing.assert_array_equal(source[5], PIXELS[5].transpose(2, 0, 1))


def test_a_file_of_another_size_is_refused_by_name_before_anything_is_read(folder, write, monkeypatch):
    index = write(folder)
    with (folder / NAMES[4]).open("ab") as file:
        file.write(b"\0")
    size = (folder / NAMES[4]).stat().st_size
    monkeypatch.setattr("idm.data.sources.indexed.ImageSource", lambda *_: pytest.fail("images were opened"))
    with pytest.raises(DataError, match=rf"dog/4\.bmp: .* got {size} bytes instead of {size - 1}; restore it"):
        opened(index)


def change(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def test_a_file_of_other_contents_is_refused_by_name_when_it_is_read(folder, write, monkeypatch):
    index = write(folder)
    change(folder / NAMES[4])
    with pytest.raises(DataError, match=r"dog/4\.bmp: the file that was indexed wanted, got other contents"):
        opened(index)
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    source = opened(index)
    np.testing.assert_array_equal(source[3], PIXELS[3].transpose(2, 0, 1))
    with pytest.raises(DataError, match=r"dog/4\.bmp: the file that was indexed wanted, got other contents"):
        source.read(np.array([3, 4]))


def test_headers_of_large_sets_are_read_without_their_contents(folder, write, monkeypatch):
    index = write(folder)
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    monkeypatch.setattr("idm.data.images.items.encoded", lambda place: pytest.fail(f"{place} was read as a whole"))
    assert len(opened(index)) == 6


def with_refused(folder, total, refused):
    """Fill a folder with images of which some are refused."""
    for number in range(6, total):
        (folder / f"cat/{number}.bmp").write_bytes((folder / NAMES[number % 6]).read_bytes())
    for number in range(refused):
        Image.new("RGBA", (8, 8)).save(folder / "ant" / f"{number}.png")


def test_a_few_refused_images_are_left_out_and_more_are_refused(folder, write):
    (folder / "ant").mkdir()
    with_refused(folder, 99, 1)
    index = write(folder)
    source = opened(index)
    assert len(source) == 99
    assert source.class_names == ("cat", "dog")  # no image is left of the third
    assert "without 1 refused" in source.note
    with_refused(folder, 99, 3)
    index = write(folder)
    with pytest.raises(DataError, match=r"max_refused: at most 1\.0% .* got 2\.9% \(3 of 102 in ") as error:
        opened(index)
    assert len(error.value.lines) == 1
    assert len(opened(index, max_refused=0.03)) == 99


def test_images_of_a_csv_file_are_indexed_one_by_one(folder, write):
    (folder / "list.csv").write_text("path,label\ndog/5.bmp,10\ncat/1.bmp,9\n")
    index = write(folder / "list.csv")
    (folder / "list.csv").unlink()
    source = opened(index)
    np.testing.assert_array_equal(source.read(np.arange(2)), PIXELS[[5, 1]].transpose(0, 3, 1, 2))
    assert (source.labels.tolist(), source.class_names) == ([1, 0], ("9", "10"))
    change(folder / "cat/1.bmp")
    with pytest.raises(DataError, match=r"cat/1\.bmp: .* got other contents"):
        opened(index)


def test_images_in_tar_shards_are_indexed_one_by_one(tmp_path, write):
    (tmp_path / "shards").mkdir()
    for shard in range(2):
        with tarfile.open(tmp_path / "shards" / f"{shard}.tar", "w") as archive:
            for number in range(3):
                stream = io.BytesIO()
                Image.fromarray(PIXELS[3 * shard + number]).save(stream, format="BMP")
                for suffix, content in (("bmp", stream.getvalue()), ("cls", b"%d" % number)):
                    member = tarfile.TarInfo(f"{number}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    index = write(tmp_path / "shards")
    entry = read_index(index).files[4]
    assert (entry.path, entry.archive, entry.format, entry.label) == ("1.tar/1", "1.tar", "BMP", "1")
    source = opened(index)
    np.testing.assert_array_equal(source.read(np.arange(6)), PIXELS.transpose(0, 3, 1, 2))
    assert source.fingerprint() == SOURCES.build("webdataset", {"path": str(tmp_path / "shards")}).fingerprint()
    shard = tmp_path / "shards" / "1.tar"
    whole = bytearray(shard.read_bytes())
    whole[entry.offset + entry.num_bytes - 1] ^= 1
    shard.write_bytes(whole)
    with pytest.raises(DataError, match=r"1\.tar/1: the file that was indexed wanted, got other contents"):
        opened(index)


def test_files_of_arrays_are_compared_as_a_whole(tmp_path, write):
    data = np.random.default_rng(0).normal(size=(6, 1, 8))
    np.save(tmp_path / "a.npy", data)
    np.save(tmp_path / "labels.npy", np.arange(6) % 2)
    index = write(tmp_path / "a.npy")
    assert [entry.path for entry in read_index(index).files] == ["a.npy", "labels.npy"]
    source = opened(index)
    np.testing.assert_array_equal(source.read(np.arange(6)), data)
    assert source.labels.tolist() == [0, 1] * 3
    np.save(tmp_path / "labels.npy", np.arange(6) // 3)
    with pytest.raises(DataError, match=r"labels\.npy: the file that was indexed wanted, got other contents"):
        opened(index)
    (tmp_path / "labels.npy").unlink()
    with pytest.raises(DataError, match=r"labels\.npy: the file that was indexed wanted, got nothing there"):
        opened(index)


def test_a_new_file_of_arrays_is_refused_by_name(tmp_path, write):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    group.create_array("x", data=np.random.default_rng(0).normal(size=(6, 1, 8)))
    index = write(tmp_path / "a.zarr")
    assert len(opened(index)) == 6
    (tmp_path / "a.zarr" / "more").write_text("new")
    with pytest.raises(DataError, match=r"more: a file of the index wanted, got a new one"):
        opened(index)


def test_hidden_files_are_not_indexed_unless_they_describe_arrays(tmp_path):
    for name in ("a", ".DS_Store", ".zarray", ".cache/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    assert files_of(tmp_path, "") == [".zarray", "a"]


def test_data_that_the_check_refused_are_refused(tmp_path, write):
    np.save(tmp_path / "a.npy", np.full((6, 1, 8), np.nan))
    with pytest.raises(DataError, match=r"missing in sample 0.* \(refused in .*index\.jsonl"):
        opened(write(tmp_path / "a.npy"))


WRONG = {
    "empty": lambda head, lines: [],
    "no head": lambda head, lines: lines,
    "another version": lambda head, lines: [{**head, "idm_index": 99}, *lines],
    "another kind of value": lambda head, lines: [head, {**lines[0], "num_bytes": "8"}],
    "a number": lambda head, lines: [head, 5],
    "another field": lambda head, lines: [head, {**lines[0], "colour": "red"}],
    "a field missing": lambda head, lines: [head, {"num_bytes": 8, "sha256": "0"}],
    "names that are none": lambda head, lines: [{**head, "class_names": [1, 2]}, *lines],
    "no hash": lambda head, lines: [head, {**lines[0], "sha256": None}],
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_damaged_index_is_refused_in_a_line(folder, write, kind):
    index = write(folder)
    edit(index, WRONG[kind])
    with pytest.raises(UnreadableFileError, match=r"index\.jsonl: cannot be read as an index .*; write") as error:
        opened(index)
    assert len(error.value.lines) == 1


@pytest.mark.parametrize(("name", "wrong"), [("image_size", True), ("image_size", 8.0), ("class_names", [True])])
def test_values_of_another_type_in_an_index_are_refused_by_name(folder, write, name, wrong):
    index = write(folder)
    edit(index, lambda head, lines: [{**head, name: wrong}, *lines])
    with pytest.raises(UnreadableFileError, match=rf"cannot be read as an index \(wrong {name}\); write"):
        opened(index)


def test_what_an_index_must_not_ask_for_is_refused(folder, write):
    index = write(folder)
    edit(index, lambda head, lines: [{**head, "source": "custom"}, *lines])
    with pytest.raises(DataError, match=r"an index of array_folder, arrays, .* wanted, got custom"):
        opened(index)
    edit(index, lambda head, lines: [{**head, "source": "image_folder"}])
    with pytest.raises(DataError, match="an index with images wanted, got none"):
        opened(index)
    edit(write(folder), lambda head, lines: [head, {**lines[0], "label": "ant"}])
    with pytest.raises(DataError, match=r"a class of its list wanted for every image, got another for cat/0\.bmp"):
        opened(index)
    index.write_text("not JSON")
    with pytest.raises(UnreadableFileError, match="cannot be read as an index"):
        opened(index)
    with pytest.raises(DataError, match="an index wanted, got nothing there"):
        SOURCES.build("index", {"path": str(folder / "missing.jsonl")})


def test_an_index_among_the_data_is_no_data(folder):
    (folder / "index.jsonl").write_text(check_path(folder).index.to_text())
    assert infer_source(folder)[0] == "image_folder"


def test_the_options_of_the_check_are_kept_and_no_others_taken(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros((4, 1, 8), np.uint8), b=np.ones((4, 2, 8), np.uint8))
    found = check_located("arrays", {"path": str(tmp_path / "x.npz"), "key": "b", "spatial_dims": 1}).index
    index = tmp_path / "index.jsonl"
    index.write_text(found.to_text(), encoding="utf-8")
    assert opened(index).shape == (2, 8)
    for wrong in ({"kee": "b"}, {"key": 5}, {"channels": "middle"}, {"spatial_dims": "one"}):
        edit(index, lambda head, lines, wrong=wrong: [{**head, "options": wrong}, *lines])
        with pytest.raises(UnreadableFileError, match=rf"wrong option {next(iter(wrong))}\); write it with"):
            opened(index)
    edit(index, lambda head, lines: [{**head, "options": {"path": "/elsewhere", "key": "a"}}, *lines])
    assert opened(index).shape == (1, 8)
    edit(index, lambda head, lines: [{**head, "options": 3}, *lines])
    with pytest.raises(UnreadableFileError, match="wrong options"):
        opened(index)
