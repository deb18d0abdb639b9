"""Conditions beside samples by their names: those of large sets are compared one after another."""

import tracemalloc

import numpy as np
import pytest

from idm.data import names
from idm.run.pairing import in_step

COUNT = 40_000


def made(pattern):
    return names.MadeNames(COUNT, lambda numbers: [pattern.format(number) for number in numbers.tolist()])


@pytest.mark.parametrize(("ours", "theirs"), [("a.h5#{}", "low.nc#{}"), ("{}.npy", "{}.tif")])
def test_names_of_large_sets_are_not_kept_to_be_compared(ours, theirs, monkeypatch):
    monkeypatch.setattr(names, "AT_ONCE", 1_000)
    samples, conditions = made(ours), made(theirs)
    tracemalloc.start()
    rows, remarks = in_step(samples, conditions, COUNT)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (rows == np.arange(COUNT)).all()
    assert remarks == ()
    assert most < 2e6, "two names of 40,000 samples take 5e6 bytes, and more in tuples"


def test_one_name_that_differs_is_enough_to_go_by_number():
    samples, conditions = ["a.h5#0", "a.h5#1", "a.h5#2"], ["b.h5#0", "b.h5#1", "c.h5#2"]
    rows, (line,) = in_step(samples, conditions, 3)
    assert rows.tolist() == [0, 1, 2]
    assert "their names differ" in line
    assert in_step(samples, [samples[place] for place in (2, 0, 1)], 3)[0].tolist() == [1, 2, 0]
