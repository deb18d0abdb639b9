"""Data come back from the model's range as they went in."""

import json
import math

import numpy as np
import pytest
import torch

from idm.core.errors import DataError, SettingsError
from idm.data import Arrays, Codec, Digits
from idm.data.values.value_range import ValueRange


@pytest.fixture
def fitted(tmp_path):
    """Fit a codec to an array [n, c, *space]."""

    def fit(array, **options):
        np.save(tmp_path / "data.npy", array)
        return Codec.fit(Arrays(tmp_path / "data.npy", channels="first"), **options)

    return fit


QUANTIZED = {
    "8-bit colour": (np.random.default_rng(0).integers(0, 256, (5, 3, 4, 6)).astype(np.uint8), 256),
    "16-bit grey": (np.array([0, 1, 40_000, 65_535], np.uint16).reshape(1, 1, 2, 2), 65_536),
    "8-bit volume": (np.random.default_rng(1).integers(0, 256, (2, 1, 3, 4, 5)).astype(np.uint8), 256),
    "boolean": (np.array([[[True, False, False]]]), 2),
    "signed": (np.array([-3, 0, 7], np.int32).reshape(1, 1, 3), 11),
    "large integers": (np.array([10**12, 10**12 + 4], np.int64).reshape(2, 1), 5),
}

CONTINUOUS = {
    "two-channel signal": np.random.default_rng(2).normal([[5.0], [-300.0]], [[0.1], [20.0]], (7, 2, 16)).astype("f4"),
    "double points": np.random.default_rng(3).normal(size=(9, 2)) * 1e-6 + 3.0,
    "half images": np.random.default_rng(4).normal(size=(3, 1, 4, 4)).astype(np.float16),
}


@pytest.mark.parametrize(("data", "levels"), QUANTIZED.values(), ids=QUANTIZED.keys())
def test_quantised_data_come_back_bit_for_bit(fitted, data, levels):
    codec = fitted(data)
    encoded = codec.encode(data)
    assert codec.levels == levels
    assert codec.bounded
    assert encoded.dtype == torch.float32
    assert encoded.min() >= -1
    assert encoded.max() <= 1
    decoded = codec.decode(encoded)
    assert decoded.dtype == data.dtype
    np.testing.assert_array_equal(decoded, data)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("data", CONTINUOUS.values(), ids=CONTINUOUS.keys())
def test_continuous_data_come_back_up_to_single_precision_of_their_scale(fitted, data, standardize):
    codec = fitted(data, standardize=standardize)
    assert codec.levels is None
    assert codec.bin_width is None
    assert codec.bounded is not standardize
    decoded = codec.decode(codec.encode(data))
    assert decoded.dtype == data.dtype
    spread = np.ptp(data.astype(np.float64))
    own_rounding = np.finfo(data.dtype).eps * np.abs(data.astype(np.float64))
    assert np.all(np.abs(decoded.astype(np.float64) - data) <= spread * 2.0**-22 + own_rounding)


@pytest.mark.parametrize("levels", [2, 3, 17, 256, 65_536])
def test_level_k_is_at_minus_one_plus_2k_over_levels_minus_one(levels):
    codec = Codec.quantized("uint16", levels)
    k = np.arange(levels)
    expected = (-1.0 + 2.0 * k / (levels - 1)).astype(np.float32)
    np.testing.assert_array_equal(codec.encode(k.astype(np.uint16).reshape(1, 1, -1)).numpy().ravel(), expected)
    assert codec.bin_width == 2.0 / (levels - 1)


def test_all_65536_levels_survive_the_round_trip():
    codec = Codec.quantized("uint16", 65_536)
    values = np.arange(65_536, dtype=np.uint16).reshape(1, 1, 256, 256)
    np.testing.assert_array_equal(codec.decode(codec.encode(values)), values)


def test_decoding_rounds_to_the_nearest_level_and_clips_to_the_range():
    codec = Codec.quantized("uint8", 256)
    x = torch.tensor([[-3.0, -1.0 + 1.9 / 255, -1.0 + 3.1 / 255, 1.0, 7.5]])
    np.testing.assert_array_equal(codec.decode(x), np.array([[0, 1, 2, 255, 255]], np.uint8))


def test_decoding_continuous_data_does_not_clip():
    codec = Codec("float32", None, (10.0,), (2.0,))
    np.testing.assert_array_equal(codec.decode(torch.tensor([[-3.0, 0.0, 5.0]])), np.float32([[4.0, 10.0, 20.0]]))


def test_each_channel_of_continuous_data_is_scaled_to_its_own_extremes(fitted):
    data = np.array([[[0.0, 10.0]], [[5.0, 2.0]]], np.float32).repeat(2, axis=1)
    data[:, 1] = data[:, 1] * -100 + 7
    encoded = fitted(data).encode(data)
    for channel in range(2):
        assert encoded[:, channel].min() == -1
        assert encoded[:, channel].max() == 1


def test_standardised_channels_have_mean_zero_and_variance_one(fitted):
    data = CONTINUOUS["two-channel signal"]
    encoded = fitted(data, standardize=True).encode(data).double()
    torch.testing.assert_close(encoded.mean((0, 2)), torch.zeros(2, dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(encoded.var((0, 2), correction=0), torch.ones(2, dtype=torch.float64), rtol=1e-5, atol=0)


def test_a_constant_channel_becomes_zero_and_comes_back(fitted):
    data = np.full((3, 1, 4), 2.5, np.float32)
    codec = fitted(data)
    assert torch.equal(codec.encode(data), torch.zeros(3, 1, 4))
    np.testing.assert_array_equal(codec.decode(codec.encode(data)), data)


def test_a_gaussian_density_in_data_units_is_the_one_in_the_model_range_plus_log2_scale():
    codec = Codec("float64", None, (1.0, -2.0), (4.0, 0.5))
    x = torch.tensor([[0.3, -1.2]], dtype=torch.float64)
    in_model = -torch.distributions.Normal(0.0, 1.0).log_prob(x).mean() / np.log(2.0)
    scale, offset = torch.tensor([4.0, 0.5]).double(), torch.tensor([1.0, -2.0]).double()
    in_data = -torch.distributions.Normal(offset, scale).log_prob(offset + scale * x).mean() / np.log(2.0)
    assert float(in_model) + codec.log2_scale == pytest.approx(float(in_data), abs=1e-12)
    assert Codec.quantized("uint8", 256).log2_scale == 0.0


def test_the_digits_have_17_levels_from_0_to_16():
    codec = Codec.fit(Digits())
    assert codec == Codec.quantized("uint8", 17)
    assert codec.decode(torch.tensor([[-1.0, 0.0, 1.0]])).tolist() == [[0, 8, 16]]


@pytest.mark.parametrize("standardize", [False, True])
def test_a_codec_is_the_same_after_a_trip_through_json(fitted, standardize):
    codec = fitted(CONTINUOUS["double points"], standardize=standardize)
    assert Codec.from_dict(json.loads(json.dumps(codec.to_dict()))) == codec
    quantized = Codec.quantized("uint8", 17)
    assert Codec.from_dict(json.loads(json.dumps(quantized.to_dict()))) == quantized


def test_previews_are_in_the_unit_interval_and_on_the_levels_of_quantised_data():
    x = torch.linspace(-1.5, 1.5, 31, dtype=torch.float64).reshape(1, 1, 31)
    levels = Codec.quantized("bool", 2).preview(x)
    assert set(levels.ravel()) == {0.0, 1.0}
    bounded = Codec("float32", None, (50.0,), (7.0,)).preview(x)
    assert (bounded.min(), bounded.max()) == (0.0, 1.0)
    np.testing.assert_allclose(bounded.ravel(), np.linspace(-0.25, 1.25, 31).clip(0, 1), atol=1e-12)
    wide = Codec("float32", None, (50.0,), (7.0,), bounded=False).preview(x)
    np.testing.assert_allclose(wide.ravel(), np.linspace(0.25, 0.75, 31), atol=1e-12)


def test_values_that_are_no_levels_are_refused():
    codec = Codec.fit(Digits())
    with pytest.raises(DataError, match="from 0 to 16 wanted, got uint8 from 0 to 17"):
        codec.encode(np.array([[0, 17]], np.uint8))
    with pytest.raises(DataError, match=r"train a run on data\.range=0,17"):
        codec.encode(np.array([[0, 17]], np.uint8))
    with pytest.raises(DataError, match="got float32; convert them to uint8"):
        codec.encode(np.array([[0.0, 0.5]], np.float32))
    black_and_white = Codec.of("uint8", ValueRange.of_levels(2, 0, 255))
    with pytest.raises(DataError, match="in steps of 255 wanted, got values between them"):
        black_and_white.encode(np.array([[0, 128, 255]], np.uint8))


def test_codecs_of_older_runs_did_not_clip():
    plain = {"dtype": "float32", "levels": None, "offset": [10.0], "scale": [2.0], "bounded": True}
    codec = Codec.from_dict(plain)
    assert not codec.clip
    assert codec.encode(np.array([[20.0]], np.float32)).item() == 5
    clipping = Codec.from_dict(plain | {"clip": True})
    assert clipping.encode(np.array([[20.0]], np.float32)).item() == 1
    assert Codec.from_dict(json.loads(json.dumps(clipping.to_dict()))) == clipping


WORDS = {
    "uint8, 256 levels": Codec.quantized("uint8", 256),
    "bool, 2 levels": Codec.quantized("bool", 2),
    "uint16, 4,096 levels (12 of 16 bits)": Codec.quantized("uint16", 4096),
    "uint8, 17 levels (0 to 16)": Codec.quantized("uint8", 17),
    "int32, 11 levels (-3 to 7)": Codec.quantized("int32", 11, -3),
    "uint8, 2 levels (0 to 255 in steps of 255)": Codec.of("uint8", ValueRange.of_levels(2, 0, 255)),
    "float32, continuous, 8 to 12": Codec("float32", None, (10.0,), (2.0,)),
    "float64, continuous, " + ", ".join(["-1 to 1"] * 4) + ", ...": Codec("float64", None, (0.0,) * 99, (1.0,) * 99),
}


@pytest.mark.parametrize(("words", "codec"), WORDS.items())
def test_a_codec_says_its_grid_in_a_line(words, codec):
    assert repr(codec) == f"Codec({words})"


def test_another_number_of_channels_is_refused():
    with pytest.raises(DataError, match="c = 2 wanted"):
        Codec("float32", None, (0.0, 0.0), (1.0, 1.0)).encode(np.zeros((4, 3, 8), np.float32))


def test_unusable_integers_and_settings_are_refused(fitted):
    with pytest.raises(DataError, match="at most 65,536 levels wanted, got 65,537"):
        fitted(np.array([[0], [65_536]], np.int32))
    with pytest.raises(DataError, match=r"in steps of 3,000, so data\.range=values makes 23 of them"):
        fitted(np.array([[2_000], [68_000], [5_000]], np.int64))
    with pytest.raises(DataError, match=r"got 2,000,001 .*; save them as float32"):
        fitted(np.array([[0], [2_000_000], [2]], np.int64))  # in steps of 2 they are still too many
    with pytest.raises(DataError, match="two different values wanted, got 3"):
        fitted(np.full((2, 1, 4), 3, np.int16))
    with pytest.raises(DataError, match="2\\^53"):
        fitted(np.array([[2**60], [2**60 + 1]], np.int64))
    with pytest.raises(SettingsError, match="continuous data wanted"):
        fitted(np.zeros((2, 1, 4), np.uint8), standardize=True)


@pytest.mark.parametrize(
    ("dtype", "name", "number"),
    [
        ("float32", "scale", 1e39),
        ("float16", "offset", 1e5),
        ("float64", "scale", 1e308),
        ("uint8", "scale", 1e308),
        pytest.param("float64", "offset", 10**400, id="beyond all floats"),
        ("float32", "offset", -math.inf),
        ("float32", "scale", math.nan),
    ],
)
def test_numbers_of_which_no_finite_data_could_be_made_are_refused(dtype, name, number):
    plain = {"dtype": dtype, "levels": None, "offset": [0.0], "scale": [1.0], "bounded": True}
    Codec.from_dict(plain)
    with pytest.raises(ValueError, match="codec: numbers of at most"):
        Codec.from_dict(plain | {name: [number]})


def test_values_of_other_data_beyond_the_range_are_told():
    clipping = Codec.of("float32", ValueRange.between(np.array([0.0]), np.array([2.0]), clip=True))
    inside = np.linspace(0, 2, 8, dtype=np.float32).reshape(2, 1, 4)
    assert clipping.remarks_on(inside) == ()
    (line,) = clipping.remarks_on(np.concatenate([inside, inside + 1.99]))
    assert line == "data: 43.8 % of the values lie outside of the run's range, 0 to 2, and are clipped to it"
    fitted = Codec.of("float32", ValueRange.between(np.array([0.0]), np.array([2.0])))
    assert fitted.remarks_on(inside + 1.99) == ()  # other data of the same kind go a little beyond
    (line,) = fitted.remarks_on(1000 * inside)
    assert line == "data: 87.5 % of the values lie far outside of the run's range, 0 to 2, and may be in other units"


@pytest.mark.parametrize(("dtype", "advised"), [("uint8", False), ("uint16", True)])
def test_a_wider_range_is_advised_only_where_the_dtype_has_it(dtype, advised):
    codec = Codec.quantized(dtype, 2)
    with pytest.raises(DataError, match=r"0 to 1 wanted, got uint16 from 0 to 4095; choose data") as error:
        codec.encode(np.array([[[0, 4095]]], dtype=np.uint16))
    assert ("train a run on data.range=0,4095" in str(error.value)) == advised
