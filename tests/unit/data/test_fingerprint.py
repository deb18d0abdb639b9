"""Fingerprints tell data apart by name of what differs, and read little of large sets."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import UnreadableFileError
from idm.data import SOURCES, ImageFolder, Source, fingerprint
from idm.data.fingerprint import FEWEST_SAMPLES, MOST_SAMPLES, WHOLE_BYTES, differing, digest, spread
from idm.data.images import collection as images


def aspects(source):
    return dict(part.split("=") for part in source.fingerprint().split())


@pytest.mark.parametrize("count", [1, 7, 1_797, 2_000_000])
def test_a_small_set_is_hashed_as_a_whole(count):
    np.testing.assert_array_equal(spread(count, WHOLE_BYTES), np.arange(count))


@pytest.mark.parametrize(
    ("count", "sample_bytes", "expected"),
    [
        (10**6, 3_072, MOST_SAMPLES),  # a tenth of the bytes that are allowed
        (10**6, 10**5, WHOLE_BYTES // 10**5),  # as many as these bytes hold
        (10**4, 10**9, FEWEST_SAMPLES),
        (3, 10**9, 3),
    ],
)
def test_of_a_large_set_a_few_spread_samples_are_hashed(count, sample_bytes, expected):
    chosen = spread(count, count * sample_bytes)
    assert len(chosen) == expected
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    gaps = np.diff(chosen)
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


def test_where_parts_end_counts():
    assert len({digest([b"ab", b"c"]), digest([b"a", b"bc"]), digest([b"abc"]), digest([b"abc", b""])}) == 4


def test_what_differs_is_named_and_what_is_unknown_does_not_differ():
    assert differing("names=1 sizes=2 contents=3", "names=1 sizes=9 contents=8") == ["sizes", "contents"]
    assert differing("names=1", "names=1 sizes=2") == ["sizes"]
    assert differing("names=1", "names=1") == differing("", "names=1") == differing("names=1", "") == []


class Counted(Source):
    """A source that notes which samples are read."""

    def __init__(self, count, side):
        self.shape, self.dtype, self.labels, self.class_names = (1, side, side), np.dtype(np.uint8), None, None
        self.count, self.seen = count, []

    def __len__(self):
        return self.count

    def read(self, indices):
        self.seen += indices.tolist()
        return np.zeros((len(indices), *self.shape), np.uint8)


def test_at_most_a_thousand_samples_of_a_large_source_are_read():
    source = Counted(200_000, 16)  # 51 MB
    source.fingerprint()
    assert len(source.seen) == 1_000
    assert len(set(source.seen)) == 1_000


def test_shape_and_dtype_are_part_of_the_contents(tmp_path):
    values = np.arange(24, dtype=np.uint8)
    variants = [values.reshape(6, 1, 4), values.reshape(4, 1, 6), values.reshape(6, 1, 4).view(np.int8)]
    found = []
    for number, variant in enumerate(variants):
        np.save(tmp_path / f"{number}.npy", variant)
        options = {"path": str(tmp_path / f"{number}.npy"), "channels": "first"}
        found.append(aspects(SOURCES.build("arrays", options))["contents"])
    assert len(set(found)) == 3


def test_contents_are_hashed_as_little_endian_bytes(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[[1, 2]], [[3, 256]]], np.int16))
    source = SOURCES.build("arrays", {"path": str(tmp_path / "a.npy"), "channels": "first"})
    parts = [b"2 (1, 2) int16", bytes([1, 0, 2, 0]), bytes([3, 0, 0, 1])]
    total = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    assert total.startswith(aspects(source)["contents"])


def test_the_order_of_bytes_in_a_file_is_no_part_of_them(tmp_path):
    values = np.random.default_rng(0).normal(size=(5, 1, 8))
    prints = []
    for order in "<>":
        np.save(tmp_path / "a.npy", values.astype(f"{order}f4"))
        prints.append(SOURCES.build("arrays", {"path": str(tmp_path / "a.npy")}).fingerprint())
    assert prints[0] == prints[1]


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.bmp")
    return tmp_path


def test_images_have_the_same_fingerprint_in_every_size(folder):
    assert ImageFolder(folder).fingerprint() == ImageFolder(folder, image_size=4).fingerprint()


def test_what_became_of_files_is_told(folder):
    before = ImageFolder(folder).fingerprint()

    def changes():
        return differing(before, ImageFolder(folder).fingerprint())

    whole = (folder / "1.bmp").read_bytes()
    (folder / "1.bmp").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert changes() == ["contents"]
    (folder / "1.bmp").write_bytes(whole + b"\0")
    assert changes() == ["sizes", "contents"]
    (folder / "1.bmp").write_bytes(whole)
    assert changes() == []
    (folder / "1.bmp").rename(folder / "1b.bmp")
    assert changes() == ["names"]
    (folder / "1b.bmp").unlink()
    assert changes() == ["names", "sizes", "contents"]


def test_of_a_large_folder_a_few_files_are_read_and_all_sizes_compared(folder, monkeypatch):
    monkeypatch.setattr(fingerprint, "WHOLE_BYTES", 1)
    monkeypatch.setattr(fingerprint, "FEWEST_SAMPLES", 2)
    before = ImageFolder(folder).fingerprint()
    whole = (folder / "1.bmp").read_bytes()
    (folder / "1.bmp").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert ImageFolder(folder).fingerprint() == before  # the first and the last stand for the one between
    (folder / "1.bmp").write_bytes(whole + b"\0")
    assert differing(before, ImageFolder(folder).fingerprint()) == ["sizes"]


def test_a_file_that_has_gone_meanwhile_is_named(folder, monkeypatch):
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    source = ImageFolder(folder)
    (folder / "1.bmp").unlink()
    with pytest.raises(UnreadableFileError, match=r"1\.bmp: cannot be read \(No such file or directory\)"):
        source.fingerprint()
