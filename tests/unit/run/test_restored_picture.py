"""The picture of restored samples: what stands where nothing was seen, and how far draws differ, in their units."""

import numpy as np
import pytest
import torch

from idm.data import Codec
from idm.report import Shown, picture_for
from idm.restoration import Downsample, Mask, Observation
from idm.run import restored_picture
from idm.run.restored_picture import board, seen_in, spread_picture


def test_what_was_not_seen_is_no_number():
    seen = torch.tensor([[[True, False, True]]])
    mask = Mask((1, 3), seen[0])
    assert seen_in([Observation(mask, torch.tensor([[0.5, -1.0]]))], (1, 3)).nan_to_num(9.0).tolist() == [
        [[0.5, 9.0, -1.0]]
    ]
    means = Downsample((1, 4), [2])
    assert seen_in([Observation(means, torch.tensor([[[0.5, 1.0]]]))], (1, 4)).tolist() == [[[0.5, 0.5, 1.0, 1.0]]]


def test_squares_of_a_board_differ_from_their_neighbours_along_every_axis():
    for shape, side in (((1, 8, 8), 1), ((3, 32, 16), 4), ((1, 16, 16, 16), 2)):
        found = board(shape)[0]
        assert found.shape == shape[1:]
        for axis in range(found.ndim):
            length = found.shape[axis]
            assert (found.narrow(axis, 0, length - side) == -found.narrow(axis, side, length - side)).all()


@pytest.mark.parametrize(
    ("shape", "channels", "wanted"),
    [
        ((1, 2, 2), 1, [[[0.0, 4.0], [8.0, 2.0]]]),
        ((3, 2, 2), 1, [[[0.0, 4.0], [8.0, 2.0]]]),  # colours: the root of the mean square of equal ones
        ((2, 2, 2), 2, [[[0.0, 4.0], [8.0, 2.0]], [[0.0, 4.0], [8.0, 2.0]]]),
    ],
)
def test_standard_deviations_are_shown_from_0_to_the_largest_in_the_units_of_the_data(
    monkeypatch, shape, channels, wanted
):
    drawn = []
    monkeypatch.setattr(restored_picture, "picture_for", Spied(drawn))
    std = torch.tensor([[0.0, 1.0], [2.0, 0.5]]).expand(1, *shape) / 2  # a unit of the model's range is 8 of the data
    spread_picture(std, Shown(shape, Codec.quantized("uint8", 17)))
    ((shown, x),) = drawn
    assert shown.shape == (channels, 2, 2)
    np.testing.assert_allclose(shown.codec.decode(x)[0], wanted, atol=1e-6)
    np.testing.assert_allclose(shown.codec.shown, [(0.0, 8.0)])


class Spied:
    """Stands for ``picture_for``, and keeps what is drawn of standard deviations."""

    def __init__(self, drawn):
        self.drawn = drawn

    def __call__(self, shown):
        return picture_for(shown) if shown.codec.levels else Keeping(self.drawn, shown)


class Keeping:
    """A picture that keeps what it is asked to draw."""

    def __init__(self, drawn, shown):
        self.drawn, self.shown = drawn, shown

    def draw(self, x, **_):
        self.drawn.append((self.shown, x))
