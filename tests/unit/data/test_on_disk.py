"""Arrays that are read from files part by part: as numpy reads them, and refused where a file was cut short."""

import os

import numpy as np
import pytest

from idm.core.errors import UnreadableFileError
from idm.data.arrays import file_bytes, on_disk
from idm.data.arrays.on_disk import OnDisk

SHAPE = (7, 5, 6)
VALUES = np.arange(210, dtype=">i2").reshape(SHAPE)
KEYS = [
    (...,),
    (3,),
    (slice(1, 6, 2),),
    (slice(None, None, -1), 2),
    (2, slice(1, 4), slice(0, 5)),
    (..., 4),
    (1, 2, 3),
    (slice(2, 2),),
    (np.array([4, 0, 4, -1]),),
    (np.array([6, 1]), slice(1, 3)),
    (slice(0, 3), np.array([3, 0])),
    (2, slice(None), np.array([5, 0, 1])),
    (np.array([], dtype=np.int64),),
]


@pytest.fixture(params=["C", "F", "strided"])
def stored(request, tmp_path):
    """An array with 10 bytes before it, in one of the orders in which files have them."""
    place = tmp_path / "values.bin"
    if request.param == "strided":  # records of two arrays, of which the second is read
        records = np.zeros(7, np.dtype([("other", "u1", 3), ("x", ">i2", (5, 6))]))
        records["x"] = VALUES
        place.write_bytes(bytes(10) + records.tobytes())
        return OnDisk.of(place, records.dtype, 10, (7,)).field("x")
    place.write_bytes(bytes(10) + VALUES.tobytes(request.param))
    strides = VALUES.strides if request.param == "C" else VALUES.copy("F").strides
    return OnDisk.of(place, VALUES.dtype, 10, SHAPE, strides)


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize(("near", "block", "far", "span"), [(4_096, 2**20, 8_192, 2**20), (0, 0, -1, 1), (0, 0, 9, 40)])
def test_parts_are_those_that_numpy_gives_by_any_way_of_reading(stored, key, near, block, far, span, monkeypatch):
    for room, name, value in (
        (on_disk, "NEAR_BYTES", near),
        (on_disk, "BLOCK_BYTES", block),
        (file_bytes, "FAR_BYTES", far),
        (file_bytes, "SPAN_BYTES", span),
    ):
        monkeypatch.setattr(room, name, value)
    if not near:
        monkeypatch.setattr(on_disk, "MOST_READ_PER_WANTED", 0)
    # two steps, as the axis of an array of numbers stays in its place
    first = tuple(slice(None) if isinstance(part, np.ndarray) else part for part in key)
    expected = VALUES[first]
    for place, part in enumerate(key):
        if isinstance(part, np.ndarray):
            expected = np.take(expected, part, axis=sum(not isinstance(one, int) for one in key[:place]))
    found = stored[key]
    assert found.dtype == VALUES.dtype
    np.testing.assert_array_equal(found, expected)


def test_a_file_that_was_cut_short_or_is_gone_is_refused_in_a_line(stored):
    os.truncate(stored.where, 200)
    if stored.strides[0] > stored.strides[-1]:
        assert stored[0].shape == (5, 6)  # what is there is read
    for key in (6, ..., (slice(None), 1, 3), np.array([0, 6])):
        with pytest.raises(UnreadableFileError, match=r"values\.bin: .* wanted, got its end; it was cut short"):
            stored[key]
    stored.where.unlink()
    with pytest.raises(UnreadableFileError, match="No such file"):
        stored[0]


def test_values_beyond_the_end_and_numbers_beyond_the_array_are_refused(stored):
    with pytest.raises(ValueError, match="declared, in"):
        OnDisk.of(stored.where, VALUES.dtype, 12, (8, 5, 6))
    with pytest.raises(IndexError):
        stored[np.array([7])]
    for key in (np.ones(6, np.bool_), (..., np.array([0])), (np.array([0]), np.array([1]))):
        with pytest.raises(IndexError, match="wanted, got"):
            stored[key]
    np.testing.assert_array_equal(stored[np.arange(7) % 2 == 0], VALUES[::2])
