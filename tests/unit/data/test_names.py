"""Names that are made when they are asked for are those that a list of them would hold."""

import numpy as np
import pytest

from idm.data.arrays.pieces import Pieces
from idm.data.names import AT_ONCE, MadeNames, chosen_names

NAMES = Pieces.of([2, 0, 3]).names(["a", "b", "c"])
ALL = ("a#0", "a#1", "c#0", "c#1", "c#2")


def test_names_are_a_sequence():
    assert (len(NAMES), tuple(NAMES), NAMES[3], NAMES[-1], NAMES[1:4:2]) == (5, ALL, "c#1", "c#2", ("a#1", "c#1"))
    assert NAMES == ALL
    assert ALL == NAMES
    assert ALL[:4] != NAMES
    assert (*ALL[:4], "c#3") != NAMES
    assert NAMES != 5
    assert ("c#0" in NAMES, NAMES.index("c#2")) == (True, 4)
    with pytest.raises(IndexError):
        NAMES[5]


def test_names_of_some_samples_are_in_their_order():
    assert chosen_names(NAMES, np.array([4, 1])) == ("c#2", "a#1")
    assert chosen_names(ALL, None) is ALL


def test_no_more_than_some_are_made_together():
    asked = []
    names = MadeNames(AT_ONCE + 2, lambda numbers: asked.append(len(numbers)) or [""] * len(numbers))
    assert sum(1 for _ in names) == AT_ONCE + 2
    assert asked == [AT_ONCE, 2]
