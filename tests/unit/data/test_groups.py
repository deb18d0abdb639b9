"""Whole groups are held out, near the wanted share; which ones is stable, and what cannot be met is told."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data.base import number_classes
from idm.data.groups import Groups, grouped_split


def groups_of(names) -> Groups:
    return Groups(*number_classes(np.array(names)), "group_by=patient")


def held(names, wanted, labels=None, seed=0) -> set[str]:
    groups = groups_of(names)
    train, held_out = grouped_split(groups, labels, wanted, seed=seed)
    assert sorted([*train, *held_out]) == list(range(len(names)))
    assert not set(groups.of[train]) & set(groups.of[held_out])
    return set(np.array(names)[held_out])


@pytest.mark.parametrize("seed", range(5))
def test_groups_of_one_sample_give_the_exact_share_of_every_class(seed):
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    _, held_out = grouped_split(groups_of([f"g{row}" for row in range(1000)]), labels, 100, seed=seed)
    assert np.bincount(labels[held_out]).tolist() == [50, 30, 20]


@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_met_to_within_half_of_a_group(seed):
    names = [f"patient {row // 7}" for row in range(700)]
    groups = groups_of(names)
    assert abs(len(grouped_split(groups, None, 100, seed=seed)[1]) - 100) <= 7 / 2
    labels = groups.of % 4  # a group is of one class
    _, held_out = grouped_split(groups, labels, 100, seed=seed)
    assert all(abs(count - 25) <= 7 / 2 for count in np.bincount(labels[held_out]))


def test_a_group_that_is_too_large_is_passed_over():
    names = ["giant"] * 900 + [f"g{row // 10}" for row in range(100)]
    for seed in range(5):
        assert "giant" not in held(names, 50, seed=seed)


def test_where_all_groups_are_too_large_the_smallest_is_held_out():
    assert held(["a"] * 50 + ["b"] * 40 + ["c"] * 60, 10) == {"b"}


@pytest.mark.parametrize("wanted", [1, 50, 99])
def test_a_group_is_always_left_to_train_on(wanted):
    for seed in range(10):
        assert len(held(["a"] * 50 + ["b"] * 50, wanted, seed=seed)) == 1


def test_the_choice_depends_on_the_seed_and_on_names_and_not_on_the_order_of_the_samples():
    names = [f"g{row // 3}" for row in range(300)]
    assert held(names, 30) == held(names[::-1], 30) != held(names, 30, seed=1)


@pytest.mark.parametrize("seed", range(5))
def test_groups_that_come_later_leave_most_of_the_others_where_they_were(seed):
    before = [f"g{row // 3}" for row in range(600)]
    after = before + [f"new{row // 3}" for row in range(60)]
    old = held(before, 60, seed=seed)
    kept = old & held(after, 66, seed=seed)
    assert len(kept) >= 0.75 * len(old)


def test_nothing_is_held_out_where_nothing_is_wanted():
    assert held(["a", "a"], 0) == set()


def test_one_group_cannot_be_divided():
    with pytest.raises(DataError, match="group_by: at least 2 groups wanted, got one, a, of all samples"):
        held(["a", "a"], 1)
