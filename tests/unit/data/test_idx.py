"""IDX files: every kind of value comes back bit for bit, with its labels, and sizes that do not fit are refused."""

import gzip
import struct

import numpy as np
import pytest

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.arrays.idx_files import DTYPES, labels_of_idx
from idm.data.check import check_path
from idm.data.infer import parts_in
from idm.presets import data_settings

CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
RNG = np.random.default_rng(0)


def encoded(array):
    """An array in the format, as LeCun's page describes it: 0, 0, type, number of axes, sizes, values; big-endian."""
    values = array.astype(array.dtype.newbyteorder(">"))
    return struct.pack(f">HBB{array.ndim}I", 0, CODES[values.dtype], array.ndim, *array.shape) + values.tobytes()


def of(dtype, *shape):
    return (RNG.normal(size=shape) * 100).astype(dtype)


WRITTEN = {
    "train-images-idx3-ubyte": (of("u1", 5, 6, 7), (1, 6, 7)),
    "train-images-idx3-ubyte.gz": (of("u1", 5, 6, 7), (1, 6, 7)),
    "train-images.idx3-ubyte": (of("u1", 5, 28, 28), (1, 28, 28)),
    "t10k-images-idx3-ubyte": (of("u1", 5, 2, 2), (1, 2, 2)),
    "emnist-letters-train-images-idx3-ubyte.gz": (of("u1", 9, 8, 8), (1, 8, 8)),
    "IMAGES-IDX3-UBYTE": (of("u1", 2, 4, 30), (1, 4, 30)),
    "one sample.idx": (of("u1", 1, 6, 7), (1, 6, 7)),
    "signed.idx": (of("i1", 5, 6, 7), (1, 6, 7)),
    "short.idx": (of("i2", 5, 6, 7), (1, 6, 7)),
    "int.idx": (of("i4", 5, 6, 7), (1, 6, 7)),
    "float.idx": (of("f4", 5, 6, 7), (1, 6, 7)),
    "double.idx": (of("f8", 5, 6, 7), (1, 6, 7)),
    "float.idx.gz": (of("f4", 5, 6, 7), (1, 6, 7)),
    "int.idx.gz": (of("i4", 5, 6, 7), (1, 6, 7)),
    "points.idx": (of("f8", 5, 3), (3,)),
    "points in bytes.idx": (of("u1", 5, 300), (300,)),
    "colours first.idx": (of("u1", 5, 3, 6, 7), (3, 6, 7)),
    "colours last.idx": (of("f4", 5, 6, 7, 3), (3, 6, 7)),
    "volumes.idx": (of("i2", 5, 1, 4, 5, 6), (1, 4, 5, 6)),
    "extremes.idx": (np.array([[5e-324, -0.0], [1.7976931348623157e308, 1 / 3]]), (2,)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_values_come_back_bit_for_bit_in_the_order_of_bytes_of_the_machine(tmp_path, name):
    values, shape = WRITTEN[name]
    content = encoded(values)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    source = SOURCES.build(*infer_source(tmp_path / name))
    assert (source.shape, source.dtype, len(source), source.labels) == (shape, values.dtype, len(values), None)
    order = RNG.permutation(len(values))
    expected = np.moveaxis(values, -1, 1) if "last" in name else values.reshape(len(values), *shape)
    assert source.read(order).tobytes() == expected[order].tobytes()


def mnist(folder, *, packed="", parts=("train", "t10k")):
    """The four files of MNIST, small; the pictures of a part are all of one value: 0 in train, 1 in t10k."""
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(parts):
        images = np.full((4 + number, 6, 6), number, np.uint8)
        for name, values in (("images-idx3", images), ("labels-idx1", np.arange(4 + number, dtype=np.uint8) + number)):
            content = encoded(values)
            (folder / f"{part}-{name}-ubyte{packed}").write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_the_part_to_train_on_is_chosen_and_t10k_is_the_part_to_test(tmp_path, packed):
    folder = mnist(tmp_path / "raw", packed=packed)
    assert infer_source(folder) == ("idx", {"path": str(folder)})
    assert data_settings(folder).source.get("split") == "train"
    assert set(parts_in("idx", {"path": str(folder)}).values()) == {"train", "test"}
    for part, value, labels in (("train", 0, [0, 1, 2, 3]), ("test", 1, [1, 2, 3, 4, 5])):
        source = SOURCES.build("idx", {"path": str(folder), "split": part})
        assert set(source.read(np.arange(len(source))).ravel()) == {value}
        assert [int(source.class_names[label]) for label in source.labels] == labels
    both = SOURCES.build("idx", {"path": str(folder)})
    np.testing.assert_array_equal(both.read(np.array([8, 3, 4]))[:, 0, 0, 0], [0, 1, 1])  # in the order of names
    assert both.labels.tolist() == [1, 2, 3, 4, 5, 0, 1, 2, 3]
    assert both.remarks == ("the parts test, train are read as one; data.source.split=train reads one of them",)


def test_one_file_has_the_labels_beside_it(tmp_path):
    folder = mnist(tmp_path / "raw")
    source = SOURCES.build(*infer_source(folder / "t10k-images-idx3-ubyte"))
    assert (len(source), source.class_names) == (5, ("1", "2", "3", "4", "5"))
    options = {"path": str(folder / "t10k-images-idx3-ubyte"), "labels": "none"}
    assert SOURCES.build("idx", options).labels is None


def test_of_a_packed_file_and_its_plain_copy_the_plain_one_is_read(tmp_path):
    mnist(tmp_path / "raw", packed=".gz")
    folder = mnist(tmp_path / "raw")
    assert len(SOURCES.build("idx", {"path": str(folder)})) == 9
    assert labels_of_idx(folder / "train-images-idx3-ubyte.gz") == folder / "train-labels-idx1-ubyte"


def test_data_sets_are_not_mixed(tmp_path):
    for name in ("mnist", "fashion"):
        mnist(tmp_path / name)
    with pytest.raises(DataError, match=r"one IDX file of samples of each part wanted, got fashion/.*; give one of"):
        SOURCES.build("idx", {"path": str(tmp_path), "split": "train"})


def test_an_index_knows_the_labels_too(tmp_path):
    path = mnist(tmp_path / "raw") / "train-images-idx3-ubyte"
    (tmp_path / "index.jsonl").write_text(check_path(path).index.to_text(), encoding="utf-8")
    assert SOURCES.build(*infer_source(tmp_path / "index.jsonl")).class_names == ("0", "1", "2", "3")
    (tmp_path / "raw" / "train-labels-idx1-ubyte").write_bytes(encoded(np.zeros(4, np.uint8)))
    with pytest.raises(
        DataError, match="train-labels-idx1-ubyte: the file that was indexed wanted, got other contents"
    ):
        SOURCES.build(*infer_source(tmp_path / "index.jsonl"))


SOUND = encoded(np.arange(40, dtype=np.uint8).reshape(2, 4, 5))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SOUND[:-1], "40 bytes of values declared, 39 stored"),
        (SOUND + b"\0", "40 bytes of values declared, more stored"),
        (SOUND[:9], "cannot be read as an IDX file"),
        (b"", "cannot be read as an IDX file"),
        (b"\x89PNG" + SOUND, "its first bytes are not those of the format"),
        (b"\0\0\x0a" + SOUND[3:], "its first bytes are not those of the format"),
        (struct.pack(">I3I", 0x803, *(2**32 - 1,) * 3) + bytes(40), "declared"),
    ],
    ids=["too short", "too long", "no sizes", "empty", "a picture", "no kind of values", "more than all memory"],
)
def test_sizes_are_compared_with_what_is_stored(tmp_path, content, said, pack):
    (tmp_path / "a.idx").write_bytes(pack(content))
    with pytest.raises(DataError, match=said) as error:
        SOURCES.build(*infer_source(tmp_path / "a.idx"))
    assert len(error.value.lines) == 1


def test_what_does_not_fit_together_is_refused_by_name(tmp_path):
    folder = mnist(tmp_path / "raw")
    (folder / "t10k-images-idx3-ubyte").write_bytes(encoded(np.zeros((5, 6, 7), np.uint8)))
    with pytest.raises(DataError, match=r"train-images.*samples of shape \(6, 7\), uint8, wanted as in t10k-images"):
        SOURCES.build("idx", {"path": str(folder)})
    (folder / "train-labels-idx1-ubyte").write_bytes(encoded(np.zeros(4, np.float32)))
    with pytest.raises(DataError, match=r"train-labels.*a whole number for each of 4 samples wanted, got .* float32"):
        SOURCES.build("idx", {"path": str(folder), "split": "train"})
    (tmp_path / "cut.idx.gz").write_bytes(gzip.compress(SOUND)[:-9])
    with pytest.raises(UnreadableFileError, match="cannot be read as an IDX file"):
        SOURCES.build("idx", {"path": str(tmp_path / "cut.idx.gz")})
    with pytest.raises(DataError, match="nothing there"):
        SOURCES.build("idx", {"path": str(tmp_path / "gone.idx")})
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="got a folder without any"):
        SOURCES.build("idx", {"path": str(tmp_path / "empty")})
