"""What is written around grids: the scale of values that a picture does not show as they are, and names of classes."""

import numpy as np
import pytest
import torch
from PIL import Image

from idm.data import Codec
from idm.report import scale_in_words, with_names, with_scale
from idm.run import DataSpec
from idm.run.saving import picture_of

MIXED = torch.tensor([-1.0, 1.0, 0.5, -0.5])
FLOATS = Codec("float32", None, (1.0,), (2.5,))


def noise(*size: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8))


@pytest.mark.parametrize(
    "codec",
    [
        FLOATS,
        Codec("float32", None, (1.0,), (2.5,), bounded=False),
        Codec("float64", None, (0.0, 4.0), (1.0, 0.5)),
        Codec.quantized("uint16", 4096),
    ],
)
def test_the_values_that_are_told_are_those_that_are_shown_black_and_white(codec: Codec) -> None:
    ends = np.array(codec.shown).T[:, :, None, None]  # the smallest of each channel, then the largest
    values = np.rint(ends).astype(np.int64) if codec.levels else ends
    np.testing.assert_allclose(codec.preview(codec.encode(values)).reshape(2, -1).T, [[0.0, 1.0]] * len(codec.shown))


@pytest.mark.parametrize(
    ("codec", "shape", "words"),
    [
        (FLOATS, (1, 8, 8), "black to white: -1.5 to 3.5"),
        (FLOATS, (1, 50), "bottom to top: -1.5 to 3.5"),
        (Codec("float32", None, (1.0,), (2.0,), bounded=False), (3, 8, 8), "black to white: -5 to 7"),
        (Codec("float32", None, (0.0, 4.0), (1.0, 0.5)), (2, 8, 8), "black to white by channel: -1 to 1, 3.5 to 4.5"),
        (Codec.quantized("uint16", 65536), (1, 8, 8), "black to white: 0 to 65,535"),
    ],
)
def test_the_scale_is_told_in_units_of_the_data(codec: Codec, shape: tuple[int, ...], words: str) -> None:
    assert scale_in_words(codec, shape) == words


@pytest.mark.parametrize("codec", [Codec.quantized("uint8", 256), Codec.quantized("uint8", 17)])
def test_plain_pictures_have_nothing_around_them(codec: Codec) -> None:
    picture = noise(20, 30)
    assert with_scale(picture, codec, (1, 20, 30)) is picture
    assert with_names(picture, []) is picture


@pytest.mark.parametrize(("size", "shape"), [((60, 80), (1, 8, 8)), ((60, 300), (1, 8, 8)), ((60, 80, 3), (3, 8, 8))])
def test_the_scale_stands_below_a_picture_that_stays_as_it_is(size: tuple[int, ...], shape: tuple[int, ...]) -> None:
    picture = noise(*size)
    framed = np.asarray(with_scale(picture, FLOATS, shape))
    assert framed.ndim == len(size)
    np.testing.assert_array_equal(framed[: size[0], : size[1]], np.asarray(picture))
    assert framed[size[0] :].min() < 64  # ink
    assert framed[size[0] :].max() == 255


def test_a_name_stands_above_its_own_column() -> None:
    framed = np.asarray(with_names(noise(40, 120), ["ant", "", "bee"]))
    above = framed[:-40]
    np.testing.assert_array_equal(framed[-40:], np.asarray(noise(40, 120)))
    inked = [(above[:, first : first + 40] < 128).any() for first in (0, 40, 80)]
    assert inked == [True, False, True]


def test_long_names_stand_upright_and_longer_ones_are_cut() -> None:
    heights = [with_names(noise(40, 80), [name, "b"]).height for name in ("a", "a longer name", "a" * 50, "a" * 500)]
    assert heights[0] < heights[1] < heights[2] == heights[3]


@pytest.mark.parametrize(
    ("names", "labels", "columns", "is_named"),
    [
        (("ant", "bee"), [0, 1, 0, 1], 2, True),
        (("ant", "bee"), [0, 1, 0, 1], 4, True),
        (("ant", "bee"), [0, 2, 0, 2], 2, True),  # 2 is no class
        (("ant", "bee"), [0, 1, 1, 0], 2, False),
        (("ant", "bee"), None, 2, False),
        (("0", "1"), [0, 1, 0, 1], 2, False),
        (None, None, 2, False),
    ],
)
def test_columns_of_one_class_each_are_named(
    names: tuple[str, ...] | None, labels: list[int] | None, columns: int, is_named: bool
) -> None:
    spec = DataSpec((1, 8, 8), Codec.quantized("uint8", 256), names, 4, 0)
    x = MIXED.view(4, 1, 1, 1).expand(4, 1, 8, 8)
    plain = picture_of(x, spec, columns)
    framed = picture_of(x, spec, columns, labels)
    assert (framed.height > plain.height) == is_named
    np.testing.assert_array_equal(np.asarray(framed)[-plain.height :], np.asarray(plain))
