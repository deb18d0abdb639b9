"""The held-out part has its exact size and its share of every class."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import Digits, split_by_folder, split_by_list, stratified_split


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


NAMES = ("test/a.png", "test/b/c.png", "testing/a.png", "train/a.png", "train/b.png")


def test_a_list_names_the_held_out_samples():
    train, held_out = split_by_list(NAMES, ["train/a.png", "test/a.png"], seed=1)
    assert (sorted(train), sorted(held_out)) == ([1, 2, 4], [0, 3])


@pytest.mark.parametrize("folder", ["test", "test/", "/test/"])
def test_a_folder_holds_the_held_out_samples(folder):
    train, held_out = split_by_folder(NAMES, folder)
    assert (sorted(train), sorted(held_out)) == ([2, 3, 4], [0, 1])


def test_named_parts_come_in_random_order_that_the_seed_decides():
    names = tuple(f"{'ab'[i % 2]}/{i}" for i in range(100))
    train, held_out = split_by_folder(names, "a", seed=5)
    again, _ = split_by_folder(names, "a", seed=5)
    assert train.tolist() == again.tolist() != sorted(train)
    assert held_out.tolist() != sorted(held_out)


def test_splits_by_name_that_cannot_be_are_refused():
    with pytest.raises(DataError, match=r"such as test/a\.png, got gone\.png and 1 more that none has"):
        split_by_list(NAMES, ["gone.png", "lost.png", "train/a.png"])
    for wanted in ([], NAMES):
        with pytest.raises(DataError, match="some of the 5 samples wanted"):
            split_by_list(NAMES, wanted)
    with pytest.raises(DataError, match="some of the 5 samples wanted, got none"):
        split_by_folder(NAMES, "valid")
    with pytest.raises(DataError, match="samples with names wanted"):
        split_by_folder(None, "test")
