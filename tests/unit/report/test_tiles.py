"""A tile shows the values of a sample, channel by channel."""

import numpy as np
import pytest
import torch

from idm.core.errors import DataError
from idm.data import Codec
from idm.report import tiles
from idm.report.tiles import CHANNEL_GAP_PIXELS, GAP_GREY, LONGEST_SIDE_PIXELS, MAX_CHANNELS


def codec(channels=1):
    return Codec(offset=(0.0,) * channels, scale=(1.0,) * channels, dtype="float32", levels=None)


def random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def grey(x):
    return np.rint((x.numpy().astype(np.float64) + 1) / 2 * 255)


def test_one_channel_is_grey_from_black_to_white():
    x = torch.tensor([[[[-1.0, 0.0, 1.0], [-3.0, 3.0, 0.2]]]])
    np.testing.assert_array_equal(tiles(x, codec()), [[[0, 128, 255], [0, 255, 153]]])


def test_three_channels_are_rgb():
    x = random(2, 3, 4, 5)
    assert np.abs(tiles(x, codec(3)) - grey(x).transpose(0, 2, 3, 1)).max() <= 1


def test_other_channels_stand_side_by_side_with_grey_between():
    x = random(2, 4, 6, 5)
    picture = tiles(x, codec(4))
    assert picture.shape == (2, 6, 4 * 5 + 3 * CHANNEL_GAP_PIXELS)
    for channel in range(4):
        left = channel * (5 + CHANNEL_GAP_PIXELS)
        assert np.abs(picture[:, :, left : left + 5] - grey(x[:, channel])).max() <= 1
        assert (picture[:, :, left + 5 : left + 5 + CHANNEL_GAP_PIXELS] == GAP_GREY).all()


def test_the_gap_keeps_its_width_where_pixels_are_enlarged():
    picture = tiles(-torch.ones(1, 2, 3, 3), codec(2), min_side=12)
    assert picture.shape == (1, 12, 24 + CHANNEL_GAP_PIXELS)
    assert (picture == GAP_GREY).sum() == 12 * CHANNEL_GAP_PIXELS


def test_no_more_channels_than_can_be_seen_are_shown():
    assert tiles(random(1, 20, 4, 4), codec(20)).shape[2] == MAX_CHANNELS * 4 + (MAX_CHANNELS - 1) * CHANNEL_GAP_PIXELS


def test_pictures_are_not_enlarged_beyond_the_longest_side():
    assert tiles(random(1, 1, 1, 400), codec(), min_side=48).shape == (1, 1, 400)
    assert tiles(random(1, 1, 2, 100), codec(), min_side=48).shape[2] <= LONGEST_SIDE_PIXELS


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 9), (2, 1, 4, 4, 4), (0, 1, 4, 4)])
def test_what_are_no_images_has_no_tiles(shape):
    with pytest.raises(DataError, match="picture_for draws other data"):
        tiles(torch.zeros(shape), codec())
