"""Windows lie at the centre or at random places, and the place is a function of seed, epoch and sample alone."""

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.data import Arrays, Codec, Dataset, batch_indices, with_epochs


@pytest.fixture
def dataset(tmp_path):
    def make(shape=(6, 1, 8, 9), **options):
        values = np.arange(np.prod(shape)).reshape(shape).astype(np.uint16)
        np.save(tmp_path / "a.npy", values)
        source = Arrays(tmp_path / "a.npy", channels="first")
        codec = Codec.fit(source)
        made = Dataset(source, codec, np.arange(shape[0]), **options)
        return made, lambda x: codec.decode(x)

    return make


def test_windows_may_have_a_size_for_each_axis(dataset):
    made, decode = dataset((2, 1, 9, 8), crop=(5, 2))
    whole, decode_whole = dataset((2, 1, 9, 8))
    np.testing.assert_array_equal(decode(made.first(2)[0]), decode_whole(whole.first(2)[0])[:, :, 2:7, 3:5])
    assert made.batch(np.array([2, 3]))[0].shape == (2, 1, 5, 2)


@pytest.mark.parametrize("shape", [(6, 2, 9), (6, 1, 8, 9), (6, 2, 8, 9, 7)])
def test_every_draw_is_a_window_of_its_sample(dataset, shape):
    made, decode = dataset(shape, crop=5)
    whole, decode_whole = dataset(shape)
    assert made.shape == (shape[1], *(5 for _ in shape[2:]))
    numbers = np.array([4, 4 + 6, 4 + 12, 1 + 6])
    x = decode(made.batch(numbers)[0])
    assert x.shape[1:] == made.shape
    full = decode_whole(whole.batch(numbers % 6)[0])
    for window, sample in zip(x, full, strict=True):
        start = np.unravel_index(np.flatnonzero(sample.reshape(-1) == window.reshape(-1)[0])[0], sample.shape)[1:]
        cut = (slice(None), *(slice(first, first + 5) for first in start))
        np.testing.assert_array_equal(sample[cut], window)


def test_draw_zero_is_the_centre(dataset):
    made, decode = dataset((2, 1, 9, 9), crop=5)
    whole, decode_whole = dataset((2, 1, 9, 9))
    np.testing.assert_array_equal(decode(made.first(2)[0]), decode_whole(whole.first(2)[0])[:, :, 2:7, 2:7])


def test_a_draw_does_not_depend_on_its_batch_but_on_seed_epoch_and_sample(dataset):
    made, _ = dataset(crop=4, crop_seed=3)
    together = made.batch(np.array([2 + 6, 5 + 6, 2 + 12]))[0]
    torch.testing.assert_close(made.batch(np.array([2 + 12]))[0][0], together[2], rtol=0, atol=0)
    torch.testing.assert_close(made.batch(np.array([5 + 6]))[0][0], together[1], rtol=0, atol=0)
    epochs = [made.batch(np.array([2 + 6 * draw]))[0] for draw in range(1, 20)]
    assert len({tuple(x.flatten().tolist()) for x in epochs}) > 8
    other, _ = dataset(crop=4, crop_seed=4)
    assert any(not torch.equal(other.batch(np.array([2 + 6 * draw]))[0], epochs[draw - 1]) for draw in range(1, 20))


def test_every_place_is_drawn_about_equally_often(dataset):
    made, decode = dataset((1, 1, 7), crop=4)
    starts = decode(made.batch(np.arange(1, 4_001))[0])[:, 0, 0]
    assert set(starts.tolist()) == {0, 1, 2, 3}
    assert np.abs(np.bincount(starts) - 1_000).max() < 5 * np.sqrt(4_000 * 0.25 * 0.75)


def test_crops_and_flips_go_together_and_epochs_are_told_apart(dataset):
    made, _ = dataset(crop=4, random_flip=True)
    assert len(made) == 12
    seen = np.concatenate([with_epochs(batch_indices(0, step, 5, 12), step, 12) for step in range(12)])
    assert sorted(seen % 12) == sorted(list(range(12)) * 5)
    assert (seen // 12).tolist() == np.repeat(np.arange(1, 6), 12).tolist()
    assert made.batch(seen)[0].shape == (60, 1, 4, 4)


@pytest.mark.parametrize(
    ("shape", "crop"), [((6, 1, 8, 9), 9), ((6, 3), 2), ((6, 1, 8), -1), ((6, 1, 8, 9), (8,)), ((6, 1, 8, 9), (3, 10))]
)
def test_crops_that_do_not_fit_are_refused(dataset, shape, crop):
    with pytest.raises(SettingsError, match="crop: a size that fits"):
        dataset(shape, crop=crop)
