"""Text and JSON of made-up results."""

import io
import json

import pytest
import torch
from rich.console import Console

from idm.bench.check import Check
from idm.bench.harness import Comparison
from idm.bench.peak import Peak
from idm.bench.results import Results
from idm.bench.table import Measured, Outcome
from idm.bench.text import show_on, show_outcome


def printed(show, *arguments):
    stream = io.StringIO()
    show(show_on(Console(file=stream, width=120)), *arguments)
    return stream.getvalue()


def test_the_table_shows_times_ratios_and_rates(outcomes):
    text = printed(show_outcome, outcomes[0])
    (line,) = [line for line in text.splitlines() if line.startswith("idm ")]
    assert line.split() == ["idm", "2,000.0", "1.50", "1.50", "to", "1.75", "8.0", "60", "60%"]


def test_short_times_have_three_digits():
    rows = tuple(
        Measured(Comparison.of(name, (seconds,) * 2, (1.0, 1.0)))
        for name, seconds in {"a": 1.5, "b": 0.0125, "c": 8.519e-3, "d": 3.712e-5}.items()
    )
    words = printed(show_outcome, Outcome("made up", "short", 0, rows, {})).split()
    assert {"1,500.0", "12.5", "8.52", "0.0371"} <= set(words)


def test_columns_that_mean_nothing_are_left_out(outcomes):
    text = printed(show_outcome, outcomes[2])
    assert "GFLOP/s" not in text
    assert "images/s" not in text


def test_without_a_console_nothing_is_shown(outcomes):
    show_outcome(show_on(None), outcomes[0])


def test_the_json_holds_every_time_and_reads_back(outcomes):
    peaks = {torch.float32: Peak(100e9, "a shape", 90e9)}
    checks = [Check("forward", 1e-6, 1e-5)]
    results = Results({"torch": "2"}, "idm bench", 3, checks, peaks, outcomes)
    plain = json.loads(json.dumps(results.to_plain(), allow_nan=False))
    rows = {row["name"]: row for row in plain["tables"][0]["rows"]}
    assert rows["idm"]["times"] == [2.0, 1.5, 2.0]
    assert (rows["idm"]["least"], rows["idm"]["greatest"]) == (1.5, 2.0)
    assert rows["idm"]["share_of_peak"] == pytest.approx(0.6)
    assert plain["peaks"]["float32"]["convolution"] == 100e9
    assert plain["numerics"][0]["passed"] is True
