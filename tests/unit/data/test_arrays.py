"""Arrays are read in their own dtype, with their axes in the documented order, or refused."""

import io
import zipfile

import numpy as np
import pytest

from idm.core.errors import DataError, UnreadableFileError
from idm.data import Arrays
from idm.data.arrays.on_disk import OnDisk


@pytest.fixture
def opened(tmp_path):
    """Save an array as .npy and open it."""

    def open_array(array, **options):
        np.save(tmp_path / "data.npy", array)
        return Arrays(tmp_path / "data.npy", **options)

    return open_array


def counting(*shape, dtype=np.int16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


SHAPES = {
    "points": ((5, 7), {}, (7,)),
    "grey images": ((5, 1, 8, 9), {}, (1, 8, 9)),
    "colour images": ((5, 3, 8, 9), {}, (3, 8, 9)),
    "colours last": ((5, 8, 9, 3), {}, (3, 8, 9)),
    "stack of squares": ((5, 8, 8), {}, (1, 8, 8)),
    "stack of cubes": ((5, 6, 6, 6), {}, (1, 6, 6, 6)),
    "signals": ((5, 2, 30), {}, (2, 30)),
    "signals, channels last": ((5, 30, 2), {}, (2, 30)),
    "volumes": ((5, 1, 6, 7, 8), {}, (1, 6, 7, 8)),
    "stack of oblongs": ((5, 8, 9), {"channels": "none"}, (1, 8, 9)),
    "tiny grey images": ((5, 1, 2, 2), {}, (1, 2, 2)),
    "small squares": ((5, 4, 4), {"channels": "none"}, (1, 4, 4)),
    "many leads": ((5, 12, 30), {"spatial_dims": 1}, (12, 30)),
    "many leads last": ((5, 30, 12), {"spatial_dims": 1}, (12, 30)),
    "latents": ((5, 16, 8, 8), {"channels": "first"}, (16, 8, 8)),
    "latents last": ((5, 8, 8, 16), {"channels": "last"}, (16, 8, 8)),
    "bare volumes": ((5, 6, 7, 8), {"spatial_dims": 3}, (1, 6, 7, 8)),
    "bare volumes, said": ((5, 6, 7, 8), {"channels": "none"}, (1, 6, 7, 8)),
    "bare signals": ((5, 30), {"channels": "none"}, (1, 30)),
}


@pytest.mark.parametrize(("shape", "options", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_axes_are_read_as_documented(opened, shape, options, expected):
    source = opened(counting(*shape), **options)
    assert source.shape == expected
    assert len(source) == 5
    assert str(shape) in source.note


def test_channels_last_are_moved_not_reshaped(opened):
    array = counting(2, 5, 6, 3)
    np.testing.assert_array_equal(opened(array)[1], array[1].transpose(2, 0, 1))


def test_rows_come_in_the_order_asked_for(opened):
    array = counting(6, 2, 9)
    np.testing.assert_array_equal(opened(array).read(np.array([4, 0, 4])), array[[4, 0, 4]])


@pytest.mark.parametrize(
    ("dtype", "levels"),
    [("?", 2), ("u1", 256), ("u2", 65_536), (">u2", 65_536), ("i4", None), ("f2", None), ("f4", None), (">f8", None)],
)
def test_dtypes_are_kept_in_the_byte_order_of_the_machine(opened, dtype, levels):
    array = counting(3, 1, 4).astype(dtype)
    source = opened(array)
    assert source.levels == levels
    assert source.dtype == source[0].dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(source.read(np.arange(3)), array)


@pytest.mark.parametrize(("dtype", "part"), [("c8", np.float32), ("c16", np.float64), (">c8", np.float32)])
@pytest.mark.parametrize(("shape", "options"), [((5, 2, 9), {}), ((5, 9, 9), {"channels": "none"}), ((5, 9, 2), {})])
def test_complex_numbers_become_two_channels_without_loss(opened, dtype, part, shape, options):
    array = (np.random.default_rng(0).normal(size=(*shape, 2)) @ (1, 1j)).astype(dtype)
    source = opened(array, **options)
    read = source.read(np.arange(5))
    half = source.shape[0] // 2
    joined = read[:, :half] + 1j * read[:, half:]
    expected = array[:, None] if options else np.moveaxis(array, -1, 1) if shape[-1] == 2 else array
    np.testing.assert_array_equal(joined, expected)
    assert (source.dtype, source.levels, source.layout) == (part, None, "first")
    assert "real and imaginary parts" in source.note


def test_arrays_on_disk_are_not_loaded_whole(opened):
    assert isinstance(opened(counting(5, 1, 8))._data, OnDisk)


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        (("anything",), {}, 0),
        (("x", "y"), {}, 0),
        (("other", "arr_0"), {}, 1),
        (("first", "second"), {"key": "second"}, 1),
    ],
)
def test_the_data_are_found_in_an_archive(tmp_path, names, options, expected):
    arrays = {name: (counting(4, 2, 8) + place if name != "y" else np.arange(4)) for place, name in enumerate(names)}
    np.savez(tmp_path / "data.npz", **arrays)
    np.testing.assert_array_equal(Arrays(tmp_path / "data.npz", **options)[0], arrays[names[expected]][0])


@pytest.mark.parametrize(
    ("raw", "labels", "names"),
    [
        (np.array([7, 3, 7, 10]), [1, 0, 1, 2], ("3", "7", "10")),
        (np.array(["dog", "cat", "dog", "ape"]), [2, 1, 2, 0], ("ape", "cat", "dog")),
        (np.array([True, False, True, True]), [1, 0, 1, 1], ("False", "True")),
    ],
)
def test_labels_are_numbered_in_sorted_order(tmp_path, raw, labels, names):
    np.savez(tmp_path / "a.npz", images=counting(4, 1, 8), labels=raw)
    np.savez(tmp_path / "b.npz", images=counting(4, 1, 8), kinds=raw)
    np.save(tmp_path / "c.npy", counting(4, 1, 8))
    np.save(tmp_path / "labels.npy", raw)
    for source in (
        Arrays(tmp_path / "a.npz"),
        Arrays(tmp_path / "b.npz", labels_key="kinds"),
        Arrays(tmp_path / "c.npy"),
    ):
        assert source.labels.dtype == np.int64
        assert source.labels.tolist() == labels
        assert source.class_names == names


def test_without_labels_there_are_none(opened):
    source = opened(counting(4, 1, 8))
    assert source.labels is None
    assert source.class_names is None


REFUSED = {
    "no samples": (np.zeros((0, 1, 4)), {}, "at least one sample"),
    "no values": (np.zeros((4, 1, 0)), {}, "at least one sample"),
    "single numbers": (np.zeros(4), {}, r"reshape numbers to \[n, 1\]"),
    "one number": (np.float64(3), {}, "reshape|at least one"),
    "long complex": (np.zeros((4, 1, 4), np.clongdouble), {}, "numbers of at most 64 bits wanted, got complex256"),
    "dates": (np.zeros((4, 4), "datetime64[s]"), {}, "numbers of at most 64 bits"),
    "text": (np.array([["a", "b"]]), {}, "numbers of at most 64 bits"),
    "four spatial axes": (np.zeros((2, 1, 2, 2, 2, 2)), {}, "at most 3 spatial axes"),
    "NaN": (np.array([[1.0, 2.0], [3.0, np.nan]]), {}, "got 50.0% missing in sample 1; set data.source.missing=skip"),
    "infinity": (np.array([[1.0, -np.inf], [3.0, 0.0]]), {}, "got NaN or infinity in sample 0"),
    "unclear, two axes": (np.zeros((4, 12, 30)), {}, "cannot tell the channels .*spatial_dims"),
    "unclear, few in both": (np.zeros((9, 4, 4, 3)), {}, "cannot tell the channels"),
    "unclear, three axes": (np.zeros((4, 16, 16, 12)), {}, "cannot tell the channels"),
    "unclear, small cubes": (np.zeros((4, 4, 4, 4)), {}, "cannot tell the channels"),
    "contradiction": (np.zeros((4, 3, 8, 8)), {"channels": "first", "spatial_dims": 3}, "has 2 spatial axes, got 3"),
    "too few axes": (np.zeros((4, 3)), {"spatial_dims": 2}, "spatial axes, got 2"),
    "unknown rule": (np.zeros((4, 3)), {"channels": "middle"}, "auto, first, last or none wanted, got 'middle'"),
    "key of a plain array": (np.zeros((4, 3)), {"key": "x"}, r"leave out data\.source\.key"),
}


@pytest.mark.parametrize(("array", "options", "reason"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.usefixtures("unchecked_types")
def test_unusable_arrays_are_refused_with_a_way_out(opened, array, options, reason):
    with pytest.raises(DataError, match=reason):
        opened(array, **options)


def ragged():
    array = np.empty(2, object)
    array[:] = [np.zeros(2), np.zeros(3)]
    return array


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_ragged_arrays_are_refused_and_never_unpickled(tmp_path, suffix):
    path = tmp_path / f"data.{suffix}"
    if suffix == "npy":
        np.save(path, ragged(), allow_pickle=True)
    else:
        np.savez(path, data=ragged())
    with pytest.raises(DataError, match=r"Python objects.*one shape"):
        Arrays(path)


def test_labels_that_are_python_objects_are_named_and_the_advice_works(tmp_path):
    images, labels = np.zeros((4, 1, 8, 8), np.uint8), np.array(["cat", "dog", "cat", "dog"], dtype=object)
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    with pytest.raises(DataError, match=r"text in 'labels' wanted, got Python objects; save labels .*astype\(str\)"):
        Arrays(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", images=images, labels=labels.astype(str))
    assert Arrays(tmp_path / "x.npz").class_names == ("cat", "dog")


@pytest.mark.parametrize("content", [b"", b"some text", b"\x93NUMPY\x01\x00", b"PK\x03\x04 no archive"])
def test_files_that_are_no_arrays_are_named(tmp_path, content):
    path = tmp_path / "data.npy"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"data\.npy: cannot be read as an array file"):
        Arrays(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated_arrays_are_named(tmp_path, share):
    np.save(tmp_path / "data.npy", counting(100, 1, 8))
    np.savez(tmp_path / "data.npz", counting(100, 1, 8))
    for name in ("data.npy", "data.npz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UnreadableFileError, match=name):
            Arrays(tmp_path / name)


def test_a_plain_array_that_is_called_an_archive_is_named(tmp_path):
    np.save(tmp_path / "data.npy", counting(4, 1, 8))
    (tmp_path / "data.npy").rename(tmp_path / "data.npz")
    with pytest.raises(UnreadableFileError, match=r"data\.npz: an archive of arrays wanted"):
        Arrays(tmp_path / "data.npz")


def test_a_damaged_member_of_an_archive_is_named(tmp_path):
    path = tmp_path / "data.npz"
    buffer = io.BytesIO()
    np.save(buffer, counting(100, 1, 8))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", buffer.getvalue())
    content = bytearray(path.read_bytes())
    content[400] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"data\.npz"):
        Arrays(path)


def test_wrong_keys_and_labels_are_refused_by_name(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, first=counting(4, 1, 8), second=counting(4, 1, 8), y=np.zeros((4, 10), int))
    with pytest.raises(DataError, match=r"got first, second; set data\.source\.key"):
        Arrays(path)
    with pytest.raises(DataError, match="an array 'third' wanted, got first, second, y"):
        Arrays(path, key="third")
    with pytest.raises(DataError, match="one integer or string per sample"):
        Arrays(path, key="first")
    np.savez(path, x=counting(4, 1, 8), labels=np.arange(3))
    with pytest.raises(DataError, match="one integer or string per sample"):
        Arrays(path)
    np.savez(path, x=counting(4, 1, 8), labels=np.linspace(0, 1, 4))
    with pytest.raises(DataError, match="got float64"):
        Arrays(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="nothing there"):
        Arrays(tmp_path / "data.npy")
    with pytest.raises(DataError, match="got a folder"):
        Arrays(tmp_path)


def test_a_file_that_is_gone_or_cut_short_meanwhile_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("data.npy", counting(6, 1, 40))
    found, whole = Arrays("data.npy"), Arrays("data.npy", samples="whole", channels="last")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.testing.assert_array_equal(found[5], counting(6, 1, 40)[5])
    where = tmp_path / "data.npy"
    for damage in (lambda: where.write_bytes(where.read_bytes()[:300]), where.unlink):
        damage()
        reads = (lambda: found[5], lambda: whole.read_windows(0, np.array([[5, 0]]), (1, 1)))
        for read in reads:
            with pytest.raises(UnreadableFileError, match=r"data\.npy: .* restore it$"):
                read()
