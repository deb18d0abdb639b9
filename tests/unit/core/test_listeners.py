"""Listeners that a program hands in: events, pictures, and loops within loops."""

from pathlib import Path

import pytest

import idm
from idm.core import progress as module
from idm.core.progress import Calls, Event, Within


class Clock:
    """Stands in for ``time.monotonic``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


def test_an_event_says_how_far_how_fast_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, heard = Clock(monkeypatch), list[Event]()
    with Calls(heard.append).follow("training", 100, done=20) as bar:
        clock.now += 4.0
        bar.advance(8, "loss 0.5")
    # 8 in 4 s are 2 a second; the 72 that are left take 36 s.
    assert heard == [
        Event("training", "steps", 20, 100, 0.0, 0.0),
        Event("training", "steps", 28, 100, 2.0, 36.0, "loss 0.5"),
    ]


def test_events_come_no_faster_than_told_but_the_last_one_always_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, heard = Clock(monkeypatch), list[Event]()
    with Calls(heard.append, least_seconds=1.0).follow("sampling", 50) as bar:
        for _ in range(50):
            clock.now += 0.11
            bar.advance()
    assert [event.done for event in heard] == [0, 10, 20, 30, 40, 50]


def test_a_loop_within_another_counts_there() -> None:
    heard = list[Event]()
    with Calls(heard.append).follow("bound", 4) as bar, Within(bar).follow("a part", 99) as part:
        part.advance(4)
    assert (heard[-1].what, heard[-1].done, heard[-1].total) == ("bound", 4, 4)


def test_pictures_are_shown_to_those_who_look(tmp_path: Path) -> None:
    seen: list[tuple[str, Path]] = []
    Calls(lambda event: None, lambda what, picture: seen.append((what, picture))).show("training", tmp_path / "a.png")
    Calls(lambda event: None).show("training", tmp_path / "b.png")
    idm.SILENT.show("training", tmp_path / "c.png")
    assert seen == [("training", tmp_path / "a.png")]
