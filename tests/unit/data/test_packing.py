"""Packed numbers stand for what scale and offset say, exactly where these are whole."""

import numpy as np
import pytest

from idm.data.arrays.packing import Packing

WHOLE = [
    # (stored, scale, offset, dtype of the values): the smallest that holds scale * stored + offset for all stored
    ("i2", 1, 32_768, "u2"),
    ("i4", 1, 2**31, "u4"),
    ("i8", 1, 2**63, "u8"),
    ("u1", 1, -128, "i1"),
    ("u2", 1, -1_024, "i4"),
    ("u1", -2, 7, "i2"),
    ("i8", 3, 0, "f8"),
    ("u1", 1, 0, "u1"),
]


@pytest.mark.parametrize(("stored", "scale", "offset", "dtype"), WHOLE)
def test_whole_scales_and_offsets_give_whole_numbers_in_the_smallest_dtype(stored, scale, offset, dtype):
    limits = np.iinfo(stored)
    numbers = np.array([limits.min, limits.min + 1, 0, 5, limits.max], stored)
    packing = Packing(np.dtype(stored), float(scale), float(offset))
    found = packing.values(numbers)
    assert packing.dtype == found.dtype == np.dtype(dtype)
    expected = [scale * int(number) + offset for number in numbers]
    assert found.tolist() == ([float(number) for number in expected] if dtype == "f8" else expected)


def test_limits_of_what_is_stored_make_the_dtype_smaller():
    packing = Packing(np.dtype("u2"), 1.0, -1_024.0, low=0.0, high=4_095.0)
    assert packing.dtype == np.int16
    assert packing.values(np.array([0, 4_095], "u2")).tolist() == [-1_024, 3_071]


def test_other_scales_give_64_bit_floats_of_numbers_of_either_byte_order():
    packing = Packing(np.dtype("i2"), 0.25, -3.0)
    np.testing.assert_array_equal(packing.values(np.array([-2, 0, 8], ">i2")), [-3.5, -3.0, -1.0])
    assert Packing(np.dtype("f4"), 2.0).dtype == np.float64
    assert Packing(np.dtype("f4")).values(np.array([0.5], ">f4")).dtype == np.dtype("f4")


def test_blanks_what_lies_beyond_the_limits_and_nan_are_missing():
    packing = Packing(np.dtype("i2"), 1.0, 5.0, blanks=(-9.0, 3.0), low=-4.0, high=8.0)
    assert packing.missing(np.array([-9, -5, -4, 3, 8, 9], "i2")).tolist() == [True, True, False, True, False, True]
    assert Packing(np.dtype("f4")).missing(np.array([np.nan, 1, np.inf], "f4")).tolist() == [True, False, False]
    assert not Packing(np.dtype("i2")).may_miss
    assert Packing(np.dtype("f4")).may_miss


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 1.0), (float("nan"), 0.0), (1.0, float("inf"))])
def test_scales_that_stand_for_nothing_are_refused(scale, offset):
    with pytest.raises(ValueError, match="a scale that is not 0"):
        Packing(np.dtype("i2"), scale, offset)
