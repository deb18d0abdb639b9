"""Progress goes to standard error: lines by default, a bar on a terminal, nothing when it is off."""

import errno
import io
import re
import sys

import pytest

from idm.core import progress as module
from idm.core.progress import SILENT, Lines
from idm.core.terminal import TERMINAL

Capture = pytest.CaptureFixture[str]


class Clock:
    """Stands in for ``time.monotonic``; it moves when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


def test_nothing_is_shown_where_it_is_off(capsys: Capture) -> None:
    with SILENT.follow("sampling", 3) as bar:
        for _ in range(3):
            bar.advance()
    assert capsys.readouterr() == ("", "")


def test_the_last_unit_is_always_reported_and_on_standard_error_alone(capsys: Capture) -> None:
    with TERMINAL.follow("sampling", 3) as bar:
        for _ in range(3):
            bar.advance()
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.count("\n") == 1
    assert seen.err.startswith("sampling: 3/3 steps")


def test_lines_come_no_faster_than_the_interval(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with Lines(10.0).follow("training", 1000) as bar:
        for _ in range(60):
            clock.now += 1.0
            bar.advance()
    assert capsys.readouterr().err.count("\n") == 6


def test_a_line_gives_rate_time_left_and_status(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with Lines(10.0).follow("training", 14_000, unit="images", done=4_000) as bar:
        clock.now += 20.0
        bar.advance(100, "loss 0.123")
    # 100 of the remaining 10,000 in 20 s: 5/s, and 9,900 / 5 = 1980 s = 33 min left.
    assert capsys.readouterr().err == "training: 4,100/14,000 images, 5.0/s, 33:00 left  loss 0.123\n"


def test_more_than_an_hour_is_told_in_hours(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with Lines(1.0).follow("training", 7_384) as bar:
        clock.now += 1.0
        bar.advance()
    assert "2:03:03 left" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with TERMINAL.follow("sampling", 3, unit="steps") as bar:
        for i in range(3):
            bar.advance(status=f"state {i}")
    seen = capsys.readouterr()
    assert seen.out == ""
    assert re.search(r"sampling.*3/3.*steps", seen.err, re.DOTALL)


def test_a_status_stays_until_there_is_another(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with TERMINAL.follow("training", 100) as bar:
        for status, seconds in (("loss 2", 1), ("", 10), ("loss 1", 1), ("", 10)):
            clock.now += seconds
            bar.advance(status=status)
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("loss 2")
    assert second.endswith("loss 1")


def test_slow_units_are_told_in_seconds_each(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with TERMINAL.follow("training", 10) as bar:
        clock.now += 50.0
        bar.advance(4)
    # 4 of 10 in 50 s: 12.5 s each, and 6 * 12.5 s = 75 s left.
    assert capsys.readouterr().err == "training: 4/10 steps, 12.5 s/step, 1:15 left\n"


def test_units_that_are_done_little_by_little_are_counted_when_they_are_whole(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    with TERMINAL.follow("sampling", 512, unit="samples", done=128, parts=25) as bar:
        clock.now += 32.0
        bar.advance(64 * 25)
        clock.now += 32.0
        bar.advance(64 * 24)
    # 64 samples in 32 s: 2/s, and (512 - 192) / 2 = 160 s left. Then 24 of 25 steps of 64 more.
    first, second = capsys.readouterr().err.splitlines()
    assert first == "sampling: 192/512 samples, 2.0/s, 2:40 left"
    assert second.startswith("sampling: 253/512 samples, 2.0/s")


def test_the_speed_is_that_of_the_last_seconds_and_the_time_left_follows_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    with Lines(0.5).follow("training", 10_000) as bar:
        for units in [10] * 100 + [1] * 100:
            clock.now += 1.0
            bar.advance(units)
    lines = capsys.readouterr().err.splitlines()
    assert "10.0/s" in lines[99]
    # After 10 s, 1 / e of what was before: 1 + 9 / e = 4.3 a second. After 100 s, 1 / e^10: 8,900 / 1.0004 s left.
    assert "4.3/s" in lines[109]
    assert lines[199] == "training: 1,100/10,000 steps, 1.0/s, 2:28:16 left"


def test_the_bar_of_a_terminal_tells_the_time_left_at_that_speed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with TERMINAL.follow("sampling", 100) as bar:
        clock.now += 4.0
        bar.advance(20)
    # 20 in 4 s are 5 a second; the 80 that are left take 16 s.
    assert "5.0/s 0:16 left" in capsys.readouterr().err


def test_the_bar_of_a_terminal_counts_in_the_same_way(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with TERMINAL.follow("sampling", 3, unit="samples", parts=7) as bar:
        for _ in range(7):
            bar.advance(3)
    assert re.search(r"sampling.*3/3.*samples", capsys.readouterr().err, re.DOTALL)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_stream_that_is_gone_stops_no_work(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

        def isatty(self) -> bool:
            return is_terminal

    monkeypatch.setattr(sys, "stderr", Gone())
    listener = TERMINAL if is_terminal else Lines(0.0)
    with listener.follow("training", 2) as bar:
        bar.advance()
        bar.advance()
    module.warn("nobody reads this")
