"""The held-out part has its exact size and its share of every class."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import Digits, stratified_split


@pytest.mark.parametrize("wanted", [0, 1, 9, 50, 99])
@pytest.mark.parametrize("labelled", [False, True])
def test_the_parts_have_exact_sizes_and_make_up_the_whole(wanted, labelled):
    labels = np.random.default_rng(0).integers(0, 7, 100) if labelled else None
    train, held_out = stratified_split(labels, 100, wanted, seed=3)
    assert len(held_out) == wanted
    assert sorted([*train, *held_out]) == list(range(100))


@pytest.mark.parametrize("seed", range(5))
def test_every_class_gives_its_share_to_within_one(seed):
    labels = np.repeat([0, 1, 2, 9], [500, 301, 17, 2])
    _, held_out = stratified_split(labels, len(labels), 123, seed=seed)
    for value, size in zip(*np.unique(labels, return_counts=True), strict=True):
        assert abs((labels[held_out] == value).sum() - size * 123 / len(labels)) < 1


def test_the_digits_split_into_1500_and_297_with_all_classes_in_both():
    labels = Digits().labels
    train, held_out = stratified_split(labels, 1797, 297, seed=0)
    assert (len(train), len(held_out)) == (1500, 297)
    shares = np.bincount(labels) * 297 / 1797
    assert np.all(np.abs(np.bincount(labels[held_out]) - shares) < 1)


def test_the_split_is_a_function_of_the_seed():
    first, again, other = (stratified_split(None, 200, 50, seed=seed)[1] for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_the_first_samples_of_a_part_are_a_fair_sample_of_it():
    labels = np.repeat([0, 1], 5000)
    train, held_out = stratified_split(labels, 10_000, 2_000, seed=0)
    for part in (train, held_out):
        assert 0.4 < labels[part[:400]].mean() < 0.6  # standard deviation 0.025


@pytest.mark.parametrize("wanted", [-1, 10, 11])
def test_nothing_to_train_on_is_refused(wanted):
    with pytest.raises(DataError, match="from 0 to 9 wanted"):
        stratified_split(None, 10, wanted)
