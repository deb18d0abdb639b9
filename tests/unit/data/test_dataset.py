"""Batches hold the samples asked for, in the model's range, whether they are kept in memory or not."""

import itertools

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.data import Arrays, Codec, Dataset, Digits, batch_indices, dataset


@pytest.fixture(params=["in memory", "read as needed"])
def make(request, monkeypatch):
    """Build datasets of the digits."""
    if request.param == "read as needed":
        monkeypatch.setattr(dataset, "CACHE_BYTES", 0)
    source = Digits()

    def build(indices=range(100, 160), **options):
        return Dataset(source, Codec.fit(source), np.array(indices, dtype=np.int64), labels=source.labels, **options)

    return build


def test_a_batch_holds_the_samples_of_the_split(make):
    x, labels = make().batch(np.array([3, 0, 3]))
    digits = Digits()
    expected = digits.read(np.array([103, 100, 103])) / 8.0 - 1.0
    assert x.dtype == torch.float32
    np.testing.assert_array_equal(x.numpy(), expected.astype(np.float32))
    assert labels.dtype == torch.int64
    assert labels.tolist() == digits.labels[[103, 100, 103]].tolist()


def test_without_labels_there_are_none():
    source = Digits()
    assert Dataset(source, Codec.fit(source), np.arange(4)).batch(np.arange(2))[1] is None


def test_flipping_doubles_the_samples_and_mirrors_the_second_half(make):
    plain, flipped = make(), make(random_flip=True)
    assert (len(plain), len(flipped)) == (60, 120)
    x, labels = flipped.batch(np.array([5, 65]))
    original = plain.batch(np.array([5]))[0][0]
    np.testing.assert_array_equal(x[0], original)
    np.testing.assert_array_equal(x[1].numpy(), original.numpy()[:, :, ::-1])
    assert labels[0] == labels[1]


def test_an_epoch_with_flipping_shows_every_image_both_ways_once(make):
    flipped = make(np.arange(7), random_flip=True)
    seen = np.concatenate([batch_indices(0, step, 2, len(flipped)) for step in range(7)])
    both = make(np.arange(7)).first(7)[0]
    shown = flipped.batch(seen)[0]
    expected = torch.cat([both, both.flip(-1)])
    assert sorted(map(repr, shown.tolist())) == sorted(map(repr, expected.tolist()))


def test_the_first_samples_are_never_mirrored_and_end_with_the_data(make):
    x, labels = make(random_flip=True).first(1000)
    assert (len(x), len(labels)) == (60, 60)
    np.testing.assert_array_equal(x, make().batch(np.arange(60))[0])


def test_batches_read_ahead_are_those_of_the_order(make):
    data = make()
    order = [batch_indices(1, step, 16, len(data)) for step in range(9)]
    for (x, labels), indices in zip(data.batches(order), order, strict=True):
        expected, expected_labels = data.batch(indices)
        assert torch.equal(x, expected)
        assert torch.equal(labels, expected_labels)


def test_an_endless_order_can_be_left_at_any_time(make):
    data = make()
    endless = (batch_indices(0, step, 4, len(data)) for step in itertools.count())
    assert len(list(itertools.islice(data.batches(endless), 5))) == 5


def test_an_empty_part_is_empty(make):
    data = make(np.array([], dtype=np.int64))
    assert len(data) == 0
    assert data.first(10)[0].shape == (0, 1, 8, 8)


def test_points_cannot_be_mirrored(tmp_path):
    np.save(tmp_path / "points.npy", np.zeros((4, 2)))
    source = Arrays(tmp_path / "points.npy")
    with pytest.raises(SettingsError, match="spatial axis wanted"):
        Dataset(source, Codec.fit(source), np.arange(4), random_flip=True)


def test_samples_are_named_by_their_numbers_and_names_in_the_source():
    source = Digits()
    data = Dataset(source, Codec.fit(source), np.arange(100, 160), random_flip=True)
    assert data.describe(np.array([3])) == "sample 103"
    assert data.describe(np.array([3, 63, 123 + 240])) == "samples 103, 103, 103"  # mirrored, drawn again
    assert data.describe(np.arange(10)) == "samples 100, 101, 102, 103, 104, 105, 106, 107 and 2 more"
    source.names = tuple(f"{i}.png" for i in range(len(source)))
    assert data.describe(np.array([5])) == "sample 105 (105.png)"
    many = "100.png, 101.png, 102.png, 103.png, 104.png, 105.png, 106.png, 107.png, ..."
    assert data.describe(np.arange(9)) == f"samples 100, 101, 102, 103, 104, 105, 106, 107 and 1 more ({many})"


@pytest.mark.parametrize(("room", "is_kept"), [(0, False), (1, True)])
def test_samples_and_their_conditions_are_kept_together_or_samples_are_read(monkeypatch, room, is_kept):
    source = Digits()
    both = 2 * 4 * 1797 * 64
    monkeypatch.setattr(dataset, "CACHE_BYTES", both - 1 + room)
    codec, every = Codec.fit(source), np.arange(len(source))
    condition = Dataset(source, codec, every)
    assert condition.is_in_memory
    assert Dataset(source, codec, every, condition=condition).is_in_memory is is_kept
