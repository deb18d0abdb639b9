"""Zip archives of images: what NumPy and Pillow wrote comes back, and what a stranger made odd is refused in a line."""

import io
import json
import stat
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, Codec, Dataset, dataset, infer_source
from idm.data.check.path import check_located
from idm.data.images.archives import files_in_zip

from .pictures import noise

PIXELS = [noise(6, 5) for _ in range(4)]
NAMES = [f"00000/img{number:08d}.png" for number in range(4)]


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def write(path, members, packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def edm(path, labels, packing=zipfile.ZIP_STORED):
    """A set in the layout of EDM's dataset_tool."""
    described = [("dataset.json", json.dumps({"labels": labels}))]
    return write(path, [*zip(NAMES, map(png, PIXELS), strict=True), *described], packing)


def opened(path, **options):
    return SOURCES.build("zip", {"path": str(path), **options})


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_pictures_and_labels_come_back(tmp_path, packing):
    path = edm(
        tmp_path / "set.zip", [[name, number % 3 + 9] for number, name in reversed(list(enumerate(NAMES)))], packing
    )
    assert infer_source(path) == ("zip", {"path": str(path)})
    source = opened(path)
    np.testing.assert_array_equal(source.read(np.arange(4)).transpose(0, 2, 3, 1), PIXELS)
    assert source.names == tuple(NAMES)
    assert source.class_names == ("9", "10", "11")
    assert source.labels.tolist() == [0, 1, 2, 0]


def test_classes_are_those_of_the_file_or_else_of_folders(tmp_path):
    assert opened(edm(tmp_path / "a.zip", None)).labels is None
    members = [(f"set/{kind}/{number}.png", png(PIXELS[number])) for number, kind in enumerate("abab")]
    folders = opened(write(tmp_path / "b.zip", [*members, ("set/readme.txt", b"")]))
    assert folders.class_names == ("a", "b")
    assert "1 file of other kinds skipped" in folders.note
    assert opened(edm(tmp_path / "c.zip", [[name, 1] for name in NAMES]), labels="none").labels is None
    extra = opened(edm(tmp_path / "d.zip", [[name, 1] for name in [*NAMES, "gone.png"]]))
    assert extra.remarks == ("dataset.json has labels of 1 image that the archive does not hold",)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            [[name, 1] for name in NAMES[1:]],
            r"a label of each image .*, got none of 00000/img00000000\.png; add it, or set",
        ),
        ([[name, [0.5, 1.0]] for name in NAMES], "something else; set data.source.labels=none"),
        ([[name, True] for name in NAMES], "something else; set data.source.labels=none"),
        ([[name, 10**30] for name in NAMES], "something else; set data.source.labels=none"),
        ({"a": 1}, "something else; set data.source.labels=none"),
        ([[NAMES[0], 1] for _ in NAMES], "one label of each image wanted, got several of"),
    ],
)
def test_labels_of_other_kinds_are_refused(tmp_path, labels, said):
    path = edm(tmp_path / "set.zip", labels)
    with pytest.raises(DataError, match=said):
        opened(path)
    assert len(opened(path, labels="none")) == 4


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff\xfe"])
def test_damaged_labels_are_refused(tmp_path, content):
    with pytest.raises(UnreadableFileError, match=r"dataset\.json: cannot be read as JSON"):
        opened(write(tmp_path / "set.zip", [("a.png", png(PIXELS[0])), ("dataset.json", content)]))


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_index_reads_the_same_and_notices_a_change(tmp_path, packing):
    path = edm(tmp_path / "set.zip", [[name, 1] for name in NAMES], packing)
    check = check_located("zip", {"path": str(path)})
    assert not check.refusals
    assert check.index is not None
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    indexed = SOURCES.build("index", {"path": str(tmp_path / "index.jsonl")})
    np.testing.assert_array_equal(indexed.read(np.arange(4)), opened(path).read(np.arange(4)))
    others = [noise(6, 5) for _ in PIXELS]
    write(path, [*zip(NAMES, map(png, others), strict=True), ("dataset.json", "{}")], packing)
    with pytest.raises(DataError, match="the file that was indexed wanted"):
        SOURCES.build("index", {"path": str(tmp_path / "index.jsonl")})


def test_several_processes_read_the_same_batches(tmp_path, monkeypatch):
    source = opened(edm(tmp_path / "set.zip", None, zipfile.ZIP_DEFLATED))
    monkeypatch.setattr(dataset, "CACHE_BYTES", 0)
    order = [np.array([0, 3]), np.array([2, 1]), np.array([1, 1])]
    codec = Codec.fit(source)
    read = []
    for workers in (0, 2):
        batches = Dataset(source, codec, np.arange(4), workers=workers).batches(iter(order))
        read.append([codec.decode(x) for x, _ in batches])
    for numbers, one, other in zip(order, *read, strict=True):
        expected = np.stack([PIXELS[number] for number in numbers]).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(other, expected)


def tarred(path, labels, *others):
    described = [("./dataset.json", json.dumps({"labels": labels}).encode()), *others]
    with tarfile.open(path, "w") as archive:
        for name, content in [*zip(NAMES, map(png, PIXELS), strict=True), *described]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return SOURCES.build("webdataset", {"path": str(path)})


def test_shards_have_such_labels_too_unless_samples_have_their_own(tmp_path):
    told = tarred(tmp_path / "a.tar", [[name, number + 8] for number, name in enumerate(NAMES)])
    assert told.class_names == ("8", "9", "10", "11")
    assert told.labels.tolist() == [0, 1, 2, 3]
    assert told.note.endswith("labels from dataset.json")
    assert tarred(tmp_path / "b.tar", None).labels is None
    own = [(name.replace("png", "cls"), b"x") for name in NAMES]
    assert tarred(tmp_path / "c.tar", [[name, 1] for name in NAMES], *own).class_names == ("x",)
    with pytest.raises(DataError, match=r"img00000000: a label wanted .*, got none; .*label=none"):
        tarred(tmp_path / "d.tar", [[name, 1] for name in NAMES[1:]])
    assert SOURCES.build("webdataset", {"path": str(tmp_path / "d.tar"), "label": "none"}).labels is None


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "name",
    ["../a.png", "/a.png", "a/../../b.png", "C:/a.png", "C:\\a.png", "a\\..\\b.png", "\\\\host\\a.png", "a\nb.png"],
)
def test_names_that_lead_outside_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="names below one folder wanted"):
        opened(write(tmp_path / "set.zip", [("a.png", png(PIXELS[0])), (name, b"")]))


def test_links_doubles_and_what_is_no_picture_are_refused(tmp_path):
    one = ("a.png", png(PIXELS[0]))
    with pytest.raises(DataError, match=r"plain files wanted, got 'b\.png', a link or device"):
        opened(write(tmp_path / "set.zip", [one, (link("b.png"), b"/etc/passwd")]))
    with pytest.warns(UserWarning, match="Duplicate name"):
        write(tmp_path / "set.zip", [one, one])
    with pytest.raises(DataError, match=r"each name once wanted, got 'a\.png' twice"):
        opened(tmp_path / "set.zip")
    with pytest.raises(DataError, match=r"images wanted in it, got 1 other file such as a\.txt"):
        opened(write(tmp_path / "set.zip", [("a.txt", b"")]))
    with pytest.raises(DataError, match="got an empty archive"):
        opened(write(tmp_path / "set.zip", []))
    with pytest.raises(DataError, match="encrypted or otherwise packed"):
        opened(write(tmp_path / "set.zip", [one], zipfile.ZIP_LZMA))
    (tmp_path / "set.zip").write_bytes(b"no archive")
    with pytest.raises(UnreadableFileError, match="cannot be read as a zip archive"):
        opened(tmp_path / "set.zip")
    hidden = [("__MACOSX/._a.png", b""), (".thumbs/b.png", b""), one]
    assert opened(write(tmp_path / "set.zip", hidden)).names == ("a.png",)


def with_size(path, size):
    """Write another unpacked size into the directory of an archive of one file."""
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    return path


def test_sizes_are_compared_with_what_is_stored(tmp_path):
    content = bytes(1_000_000)
    packed = len(zlib.compress(content, wbits=-15))
    path = write(tmp_path / "set.zip", [("a.png", content)], zipfile.ZIP_DEFLATED)
    assert files_in_zip(path)["a.png"].num_bytes == 1_000_000
    with pytest.raises(DataError, match=rf"sizes .* wanted, got {2_000 * packed:,} bytes of {packed:,} for 'a\.png'"):
        opened(with_size(path, 2_000 * packed))
    with pytest.raises(DataError, match="at most 268,435,456 bytes in a file wanted, got 4,000,000,000"):
        opened(with_size(path, 4_000_000_000))
    with pytest.raises(UnreadableFileError, match="cannot be unpacked"):
        opened(with_size(path, 999_999))
    with pytest.raises(DataError, match="sizes that what is stored can have"):
        opened(with_size(write(tmp_path / "set.zip", [("a.png", b"a")]), 2))


def test_files_that_share_bytes_are_refused(tmp_path):
    path = write(tmp_path / "set.zip", [("a.png", png(PIXELS[0])), ("b.png", png(PIXELS[1]))])
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    content[second + 42 : second + 46] = bytes(4)  # where the second file begins: where the first does
    path.write_bytes(content)
    with pytest.raises(DataError, match="got files that share some"):
        opened(path)


def test_pictures_of_several_sizes_are_brought_to_a_size_that_fits_as_those_of_a_folder_are(tmp_path):
    sizes = {"a/0.png": (40, 50), "a/1.png": (70, 33)}
    write(tmp_path / "set.zip", [(name, png(np.zeros(size, np.uint8))) for name, size in sizes.items()])
    for name, size in sizes.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(png(np.zeros(size, np.uint8)))
    name, options = infer_source(tmp_path / "set.zip")
    assert (name, options["image_size"]) == ("zip", 32)  # the largest power of two that all have
    assert infer_source(tmp_path / "folder")[1]["image_size"] == 32
    assert SOURCES.build(name, options).shape == (1, 32, 32)
    check = check_located("zip", {"path": str(tmp_path / "set.zip")})
    assert not check.refusals
    assert check.options["image_size"] == 32


def test_pictures_of_one_small_size_are_left_as_they_are(tmp_path):
    write(tmp_path / "set.zip", [(f"{row}.png", png(np.zeros((20, 20), np.uint8))) for row in range(2)])
    assert "image_size" not in infer_source(tmp_path / "set.zip")[1]
