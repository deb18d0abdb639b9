"""Which values become -1 and 1, and what is said of it."""

import numpy as np
import pytest

from idm.core.errors import DataError, SettingsError
from idm.data import Arrays, Codec, Source
from idm.data.base import blocks
from idm.data.values.ranges import find_range
from idm.data.values.words import percent

RNG = np.random.default_rng(0)


def whole(low, high, dtype, shape=(6, 1, 8, 8)):
    """Integers that reach from the one to the other."""
    values = RNG.integers(low, high + 1, shape).astype(dtype)
    values.reshape(-1)[:2] = low, high
    return values


@pytest.fixture
def opened(tmp_path):
    """Open an array [n, c, *space] as a source."""

    def make(array):
        np.save(tmp_path / "data.npy", array)
        return Arrays(tmp_path / "data.npy", channels="first")

    return make


def grid(source, rule="auto"):
    """Smallest level, largest level, number of levels; the levels are evenly spaced."""
    found = find_range(source, rule)
    return found.low[0], found.high[0], found.levels


UNUSED_BITS = {
    "two levels": (0, 1, np.uint8, (0, 1, 2)),
    "digits as an array": (0, 16, np.uint8, (0, 16, 17)),
    "6 bits": (0, 40, np.uint8, (0, 63, 64)),
    "10 bits": (3, 1000, np.uint16, (0, 1023, 1024)),
    "12 bits": (0, 4095, np.uint16, (0, 4095, 4096)),
    "12 bits, not all used": (200, 3000, np.uint16, (0, 4095, 4096)),
    "14 bits": (0, 16_383, np.uint16, (0, 16_383, 16_384)),
    "8 bits in 16": (0, 255, np.uint16, (0, 255, 256)),
    "small part far from 0": (30_000, 31_000, np.uint16, (30_000, 31_000, 1001)),
    "a type's upper end": (250, 255, np.uint8, (250, 255, 6)),
}


@pytest.mark.parametrize(("low", "high", "dtype", "expected"), UNUSED_BITS.values(), ids=UNUSED_BITS.keys())
def test_levels_that_no_data_use_are_left_out_in_a_line_and_all_values_come_back(opened, low, high, dtype, expected):
    values = whole(low, high, dtype)
    source = opened(values)
    found = find_range(source, "auto")
    assert grid(source) == expected
    (line,) = found.remarks
    assert f"the values, {low:,} to {high:,}, fill" in line
    assert f"{found.levels:,} levels" in line
    assert f"data.range=type takes all {np.iinfo(dtype).max + 1:,}" in line
    codec = Codec.of(source.dtype.name, found)
    decoded = codec.decode(codec.encode(values))
    assert decoded.dtype == dtype
    np.testing.assert_array_equal(decoded, values)
    assert grid(source, "type") == (0, np.iinfo(dtype).max, np.iinfo(dtype).max + 1)


ORDINARY = {
    "photographs": whole(0, 250, np.uint8, (6, 3, 8, 8)),
    "black and white": whole(0, 1, np.uint8) * np.uint8(255),
    "more than half of the type": whole(0, 128, np.uint8),
    "16 bits": whole(100, 60_000, np.uint16),
    "boolean": whole(0, 1, np.bool_),
    "with an offset": whole(1_000_000, 1_000_300, np.int32),
    "normal": RNG.normal(size=(50, 2, 40)).astype(np.float32),
    "heavy tails": RNG.laplace(size=(50, 2, 400)),
    "few points": RNG.normal(size=(12, 2)),
    "mostly nothing": (RNG.uniform(size=(40, 1, 40)) > 0.9995).astype(np.float32),
}


@pytest.mark.parametrize("values", ORDINARY.values(), ids=ORDINARY.keys())
def test_nothing_is_said_of_ordinary_data_and_their_codec_is_that_of_their_type(opened, values):
    source = opened(values)
    found = find_range(source, "auto")
    assert found.remarks == ()
    assert Codec.of(source.dtype.name, found) == Codec.fit(source, data_range="type")


def test_levels_that_a_source_tells_are_its_own(opened):
    source = opened(whole(0, 3, np.uint8))
    source.levels = 17
    assert grid(source) == (0, 16, 17)
    assert find_range(source).remarks == ()


class Counted(Source):
    """Large uint8 samples that count how many of them are read."""

    def __init__(self, top):
        self.shape, self.dtype, self.levels, self.note = (1, 1024, 1024), np.dtype(np.uint8), 256, ""
        self.labels = self.class_names = None
        self.top, self.num_read = top, 0

    def __len__(self):
        return 100

    def read(self, indices):
        self.num_read += len(indices)
        block = np.zeros((len(indices), *self.shape), np.uint8)
        block[:, 0, 0, 0] = self.top
        return block


def test_the_whole_range_of_a_type_is_known_from_a_part_of_the_data():
    block = len(next(blocks(np.arange(100), 1024 * 1024)))
    photographs, dim = Counted(200), Counted(90)
    assert (grid(photographs), photographs.num_read) == ((0, 255, 256), block)
    assert (grid(dim), dim.num_read) == ((0, 127, 128), 100)
    asked = Counted(1)
    assert (grid(asked, "type"), asked.num_read) == ((0, 255, 256), 0)


STEPS = {
    "black and white": (np.array([0, 255], np.uint8), (0, 255, 2)),
    "4 bits spread over 8": (np.arange(0, 256, 17).astype(np.uint8), (0, 255, 16)),
    "12 bits in the upper ones of 16": (np.arange(0, 65_536, 16).astype(np.uint16), (0, 65_520, 4096)),
    "thousands": (np.array([4000, 7000, 9000, 886_000]), (4000, 886_000, 883)),
    "every integer": (np.array([-3, 0, 7], np.int16), (-3, 7, 11)),
}


@pytest.mark.parametrize(("values", "expected"), STEPS.values(), ids=STEPS.keys())
def test_values_are_the_levels_that_the_data_are_on(opened, values, expected):
    data = values.reshape(-1, 1, 1)
    source = opened(data)
    assert grid(source, "values") == expected
    codec = Codec.fit(source, data_range="values")
    decoded = codec.decode(codec.encode(data))
    assert decoded.dtype == data.dtype
    np.testing.assert_array_equal(decoded, data)


def with_one_far_value(dtype=np.float32):
    values = np.linspace(-1, 1, 120).reshape(60, 2).astype(dtype)
    values[30, 1] = 1e6
    return values


def test_a_far_value_is_told_and_never_clipped_by_itself(opened):
    source = opened(with_one_far_value())
    found = find_range(source, "auto")
    (line,) = found.remarks
    assert "of channel 1 lie from" in line
    assert "to 1e+06" in line
    assert "data.range=percentiles" in line
    assert not found.clip
    assert found.high[1] == 1e6


def test_a_hot_pixel_among_12_bits_is_told(opened):
    values = whole(0, 4095, np.uint16)
    values[2, 0, 3, 3] = 65_535
    source = opened(values)
    (line,) = find_range(source, "auto").remarks
    assert "all from 0 to 65535" in line
    found = find_range(source, "percentiles")
    assert found.clip
    assert found.high[0] < 65_535
    codec = Codec.of("uint16", found)
    decoded = codec.decode(codec.encode(values))
    np.testing.assert_array_equal(decoded, values.clip(int(found.low[0]), int(found.high[0])))


def test_percentiles_are_those_of_each_channel_and_what_lies_beyond_is_clipped_in_a_line(opened):
    values = np.stack([np.arange(10_001.0), 5 - 3 * np.arange(10_001.0)], axis=1)
    found = find_range(opened(values), "percentiles")
    assert found.low.tolist() == [10, 5 - 3 * 9990]
    assert found.high.tolist() == [9990, 5 - 3 * 10]
    (line,) = found.remarks
    assert "0.2 % of the values" in line
    encoded = Codec.of("float64", found).encode(values)
    assert (encoded.min(), encoded.max()) == (-1, 1)


def test_two_numbers_clip_what_lies_beyond_in_a_line(opened):
    scan = np.array([-1024, -500, 0, 700, 3071], np.int16).reshape(5, 1, 1)
    found = find_range(opened(scan), (-500.0, 1500.0))
    assert (found.low[0], found.high[0], found.levels) == (-500, 1500, 2001)
    assert "40 % of the values, which go from -1024 to 3071, lie outside" in found.remarks[0]
    codec = Codec.of("int16", found)
    assert codec.decode(codec.encode(scan)).ravel().tolist() == [-500, -500, 0, 700, 1500]
    signal = np.array([[-9.0, 0.5, 3.0]], np.float32).reshape(3, 1, 1)
    codec = Codec.fit(opened(signal), data_range=(-1, 1))
    assert codec.encode(signal).ravel().tolist() == [-1, 0.5, 1]
    assert find_range(opened(signal), (-10, 10)).remarks == ()


def test_a_range_of_which_data_fill_a_small_part_is_called_out(opened):
    (line,) = find_range(opened(whole(0, 1, np.uint8)), (0, 255)).remarks
    assert "0.39 % of the range 0 to 255" in line
    assert "data.range=values" in line


CONSTANT = {
    "7": np.full((4, 1, 3), 7, np.uint8),
    "3000": np.full((4, 1, 3), 3_000, np.uint16),
    "1": np.ones((4, 1, 3), np.bool_),
    "2.5": np.full((30, 1, 4), 2.5, np.float32),
}


@pytest.mark.parametrize("value", CONSTANT)
def test_data_of_one_value_are_called_out_and_have_the_range_of_their_type(opened, value):
    source = opened(CONSTANT[value])
    for rule in ("auto", (0, 1)):
        said = f"data: every value is {value}, so that there is nothing to learn; choose data that differ"
        assert find_range(source, rule).remarks[0] == said
    assert Codec.fit(source, data_range="auto") == Codec.fit(source, data_range="type")


def test_a_channel_that_fills_a_small_part_of_the_common_range_is_called_out(opened):
    values = np.concatenate([whole(0, 60_000, np.uint16), whole(0, 1, np.uint16)], axis=1)
    (line,) = find_range(opened(values)).remarks
    assert "channel 1 has values from 0 to 1 only, of 0 to 65,535" in line


def test_what_no_range_can_be_is_refused_in_a_line(opened):
    source = opened(whole(0, 9, np.uint8))
    for rule in ((-1, 5), (0, 256), (0.5, 3.0)):
        with pytest.raises(SettingsError, match="whole numbers from 0 to 255 wanted for uint8"):
            find_range(source, rule)
    for rule in ((5, 1), (2, 2), (0, float("inf")), (float("nan"), 1)):
        with pytest.raises(SettingsError, match="two numbers, the smaller first, wanted"):
            find_range(source, rule)
    with pytest.raises(SettingsError, match="numbers that float16 can hold wanted"):
        find_range(opened(np.zeros((3, 2), np.float16)), (0, 1e5))
    sparse = np.zeros((30, 1, 100), np.float32)
    sparse[0, 0, 0] = 1
    with pytest.raises(DataError, match=r"equal ones; set data\.range=values"):
        find_range(opened(sparse), "percentiles")


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_values_whose_squares_are_no_numbers_are_not_standardised_but_taken_as_they_are(opened, size):
    values = RNG.normal(size=(60, 2)) * size
    source = opened(values)
    with pytest.raises(DataError, match=r"data\.standardize=false"):
        find_range(source, standardize=True)
    codec = Codec.fit(source)
    np.testing.assert_allclose(codec.decode(codec.encode(values)) / size, values / size, atol=1e-5)
    scaled = opened(values / size)
    assert codec.bounded
    assert not Codec.fit(scaled, standardize=True).bounded


SHARES = {1 / 256: "0.39 %", 0.25: "25 %", 0.9961: "99.6 %", 1.0: "100 %", 0.0: "0 %", 1e-7: "less than 0.0001 %"}


@pytest.mark.parametrize(("share", "words"), SHARES.items())
def test_shares_are_written_without_powers_of_ten(share, words):
    assert percent(share) == words
