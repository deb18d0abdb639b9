"""The order of training is a function of the seed, and every epoch visits everything once."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import batch_indices, epoch_permutation


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_each_epoch_visits_every_sample_once(n, batch_size):
    epochs = 4
    steps = -(-epochs * n // batch_size)
    visited = np.concatenate([batch_indices(5, step, batch_size, n) for step in range(steps)])
    for epoch in range(epochs):
        assert sorted(visited[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_a_batch_larger_than_the_data_holds_whole_epochs():
    counts = np.bincount(batch_indices(0, 3, 30, 10), minlength=10)
    assert counts.tolist() == [3] * 10


def test_any_step_can_be_asked_for_in_any_order():
    forwards = [batch_indices(1, step, 6, 10).tolist() for step in range(12)]
    backwards = [batch_indices(1, step, 6, 10).tolist() for step in reversed(range(12))]
    assert forwards == backwards[::-1]


def test_the_batch_size_does_not_change_the_sequence():
    small = np.concatenate([batch_indices(2, step, 4, 11) for step in range(15)])
    large = np.concatenate([batch_indices(2, step, 10, 11) for step in range(6)])
    np.testing.assert_array_equal(small, large)


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [tuple(epoch_permutation(seed, epoch, 20)) for seed in range(5) for epoch in range(5)]
    assert len(set(orders)) == 25


def test_every_sample_is_as_likely_at_every_place():
    n, draws = 5, 4000
    places = np.zeros((n, n))
    for seed in range(draws):
        places[np.arange(n), epoch_permutation(seed, 0, n)] += 1
    expected = draws / n
    assert ((places - expected) ** 2 / expected).sum() < 45.0  # chi-squared, 16 degrees of freedom: p = 1.4e-4


def test_a_permutation_that_is_kept_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        epoch_permutation(0, 0, 4)[0] = 1


def test_no_data_are_refused_instead_of_waited_for():
    with pytest.raises(DataError, match="got none"):
        batch_indices(0, 0, 8, 0)
