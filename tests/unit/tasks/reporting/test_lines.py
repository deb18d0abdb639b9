"""Of lines of metrics a page draws few, and none of those that tell something rare are lost."""

import pytest

from idm.tasks.reporting import lines as recorded
from idm.tasks.reporting.lines import thinned

MOST = 5


@pytest.fixture(autouse=True)
def few_lines(monkeypatch):
    monkeypatch.setattr(recorded, "MOST_LINES", MOST)


@pytest.mark.parametrize("number", [1, 4, 5, 6, 11, 1_000])
def test_no_more_lines_are_drawn_than_there_is_room_for_whatever_they_tell(number):
    lines = [{"step": float(i), "loss": 1.0, "memorised": 0.1, "held_out_bpd": 2.0} for i in range(number)]
    kept = thinned(lines)
    assert len(kept) <= MOST + 1
    assert kept == lines if number <= MOST else (kept[0], kept[-1]) == (lines[0], lines[-1])


def test_what_few_lines_tell_is_kept_beside_what_many_do():
    lines = [{"step": float(i), "loss": 1.0} for i in range(100)]
    for i in (13, 57, 58):
        lines[i]["held_out_bpd"] = 2.0
    kept = thinned(lines)
    assert [line["step"] for line in kept if "held_out_bpd" in line] == [13.0, 57.0, 58.0]
    assert [line["step"] for line in kept if "held_out_bpd" not in line] == [0.0, 20.0, 40.0, 60.0, 80.0, 99.0]


def test_of_no_lines_there_are_none():
    assert thinned([]) == []
