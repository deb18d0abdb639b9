"""Goals, text, picture and JSON of made-up results."""

import io
import json

import pytest
import torch
from PIL import Image
from rich.console import Console

from idm.bench.check import Check
from idm.bench.figure import bars, speed_figure
from idm.bench.goals import Measured
from idm.bench.harness import Comparison
from idm.bench.peak import Peak
from idm.bench.results import Results
from idm.bench.table import Outcome
from idm.bench.text import show_outcome, show_summary
from idm.report import png


def printed(show, *arguments):
    stream = io.StringIO()
    show(Console(file=stream, width=120).print, *arguments)
    return stream.getvalue()


def test_goals_are_judged_on_paired_medians_against_any_row(outcomes):
    peer, naive, share = outcomes[0].verdicts
    assert (peer.value, peer.reached) == (1.5, True)
    assert (naive.value, naive.reached) == (3.0, False)
    assert (share.value, share.reached) == (pytest.approx(0.6), False)
    (loop,) = outcomes[1].verdicts
    assert (loop.value, loop.mark, loop.reached) == (pytest.approx(1.6), pytest.approx(1 / 1.6), True)


def test_a_goal_whose_rows_are_not_there_is_left_out(outcomes):
    assert all(verdict.base != "absent" for verdict in outcomes[0].verdicts)


def test_the_table_shows_times_ratios_rates_and_goals(outcomes):
    text = printed(show_outcome, outcomes[0])
    (line,) = [line for line in text.splitlines() if line.startswith("idm ")]
    assert line.split() == ["idm", "2,000.0", "1.50", "1.50", "to", "1.75", "8.0", "60", "60%"]
    assert "goal reached: idm, at least 1.40x peer: 1.50 (quartiles 1.50 to 1.75)" in text
    assert "goal missed: idm, at least 70% of the peak" in text


def test_short_times_have_three_digits():
    rows = tuple(
        Measured(Comparison.of(name, (seconds,) * 2, (1.0, 1.0)))
        for name, seconds in {"a": 1.5, "b": 0.0125, "c": 8.519e-3, "d": 3.712e-5}.items()
    )
    words = printed(show_outcome, Outcome("made up", "short", 0, rows, (), {})).split()
    assert {"1,500.0", "12.5", "8.52", "0.0371"} <= set(words)


def test_columns_that_mean_nothing_are_left_out(outcomes):
    text = printed(show_outcome, outcomes[2])
    assert "GFLOP/s" not in text
    assert "images/s" not in text
    assert "reached" not in text


def test_the_summary_counts_goals_and_names_the_missed_ones(outcomes):
    text = printed(show_summary, outcomes)
    assert "2 of 4 goals reached" in text
    assert text.count("missed") == 2
    assert printed(show_summary, outcomes[2:]) == ""


def test_bars_are_the_rows_below_the_first_and_the_goals_between_two_others(outcomes):
    assert [bar.label for bar in bars(outcomes[0])] == ["naive", "idm", "idm / naive"]
    assert [bar.goal for bar in bars(outcomes[0])] == [None, 1.4, 4.0]
    assert [bar.reached for bar in bars(outcomes[0])] == [True, True, False]


def test_the_picture_grows_with_the_number_of_bars(outcomes):
    def height(some):
        return Image.open(io.BytesIO(png(speed_figure(some)))).height

    assert height(outcomes) > height(outcomes[:1]) > 100


def test_the_json_holds_every_time_and_reads_back(outcomes):
    peaks = {torch.float32: Peak(100e9, "a shape", 90e9)}
    checks = [Check("forward", 1e-6, 1e-5)]
    results = Results({"torch": "2"}, "idm bench", 3, ["missing"], checks, peaks, outcomes)
    plain = json.loads(json.dumps(results.to_plain(), allow_nan=False))
    rows = {row["name"]: row for row in plain["tables"][0]["rows"]}
    assert rows["idm"]["times"] == [2.0, 1.5, 2.0]
    assert (rows["idm"]["least"], rows["idm"]["greatest"]) == (1.5, 2.0)
    assert rows["idm"]["share_of_peak"] == pytest.approx(0.6)
    assert plain["peaks"]["float32"]["convolution"] == 100e9
    assert plain["numerics"][0]["passed"] is True
    assert [goal["reached"] for goal in plain["tables"][0]["goals"]] == [True, False, False]
