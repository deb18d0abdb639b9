"""Turns, paired ratios and the check for other processes, with a clock that is made up."""

from dataclasses import dataclass, field

import pytest

from idm.bench.harness import MOST_CALLS, SHORTEST_SECONDS, TRIES, Clock, Comparison, busy_seconds, compare, own_seconds


@dataclass
class Machine:
    """A machine on which calls take what they say, slower from call to call."""

    now: float = 0.0
    spent: float = 0.0
    others: float = 0.0
    calls: list[str] = field(default_factory=list)

    def clock(self):
        return Clock(lambda: self.now, lambda: self.spent, lambda: self.spent + self.others, 2)

    def contestant(self, name, seconds, stolen=lambda: 0.0):
        def call():
            self.calls.append(name)
            elapsed = seconds()
            self.now += elapsed
            self.spent += elapsed
            self.others += stolen()

        return call


def test_the_order_rotates_and_every_contestant_has_every_round():
    machine = Machine()
    contestants = {name: machine.contestant(name, lambda: 1.0) for name in "abc"}
    rows = compare(contestants, rounds=3, warmup=0, clock=machine.clock())
    assert "".join(machine.calls) == "abc" + "bca" + "cab"
    assert [row.name for row in rows] == ["a", "b", "c"]
    assert all(len(row.times) == 3 for row in rows)


def test_ratios_are_paired_so_that_a_drift_of_the_machine_cancels():
    machine = Machine()
    paces = iter([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 6.0, 7.0, 7.0])
    contestants = {
        "slow": machine.contestant("slow", lambda: 3.0 * next(paces)),
        "fast": machine.contestant("fast", lambda: 2.0 * next(paces)),
    }
    _, row = compare(contestants, rounds=7, warmup=0, clock=machine.clock())
    assert max(row.times) > 5 * min(row.times)
    assert (row.ratio, row.low, row.high, row.least, row.greatest) == pytest.approx((1.5,) * 5)


def test_any_two_rows_can_be_paired():
    rows = {
        name: Comparison.of(name, times, (4.0, 6.0, 8.0))
        for name, times in {"a": (4.0, 6.0, 8.0), "b": (2.0, 3.0, 4.0), "c": (1.0, 3.0, 1.0)}.items()
    }
    found = rows["c"].against(rows["b"])
    assert (found.least, found.ratio, found.greatest) == (1.0, 2.0, 4.0)
    assert (found.low, found.high) == (1.5, 3.0)
    assert rows["c"].seconds == found.seconds == 1.0


def test_a_sample_that_others_disturbed_is_taken_again():
    machine = Machine()
    stolen = iter([1.0, 1.0, 0.0, 0.0, 0.0])
    contestants = {"a": machine.contestant("a", lambda: 1.0, lambda: next(stolen))}
    (row,) = compare(contestants, rounds=2, warmup=0, clock=machine.clock())
    assert len(machine.calls) == 4
    assert row.disturbed == 0


def test_short_calls_are_repeated_until_a_sample_lasts_and_times_are_of_one_of_them():
    machine = Machine()
    contestants = {
        "long": machine.contestant("long", lambda: 2.0 * SHORTEST_SECONDS),
        "short": machine.contestant("short", lambda: SHORTEST_SECONDS / 8),
        "nothing": machine.contestant("nothing", lambda: 1e-12),
    }
    rows = compare(contestants, rounds=2, warmup=1, clock=machine.clock())
    assert {name: machine.calls.count(name) for name in contestants} == {
        "long": 1 + 2,
        "short": 1 + 2 * 8,
        "nothing": 1 + 2 * MOST_CALLS,
    }
    assert [row.seconds for row in rows] == pytest.approx([2.0 * SHORTEST_SECONDS, SHORTEST_SECONDS / 8, 1e-12])
    assert rows[1].ratio == pytest.approx(16.0)


def test_a_machine_that_is_never_quiet_gives_the_shortest_time_and_says_so():
    machine = Machine()
    durations = iter([1.0, 5.0, 3.0, 4.0, 6.0, 5.0, 8.0, 4.0, 6.0])
    contestants = {"a": machine.contestant("a", lambda: next(durations), lambda: 9.0)}
    (row,) = compare(contestants, rounds=2, warmup=1, clock=machine.clock())
    assert len(machine.calls) == 1 + 2 * TRIES
    assert (row.times, row.disturbed) == ((3.0, 4.0), 2)


def test_processor_time_of_children_counts_as_own():
    import subprocess
    import sys

    before = own_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(10**6))"], check=True)
    assert own_seconds() > before
    assert busy_seconds() >= 0.0


def test_progress_hears_of_every_call():
    ticks = []
    compare({"a": lambda: None, "b": lambda: None}, rounds=3, warmup=2, tick=lambda: ticks.append(1))
    assert len(ticks) == 2 * (3 + 2)
