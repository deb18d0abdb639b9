"""Goals, text, picture and JSON of made-up results."""

import io

import pytest
from PIL import Image

from idm.bench.results import Results
from idm.report import figures, png
from speed.figure import bars, speed_figure
from speed.run import plain
from speed.text import show_summary, show_verdicts

from ..unit.bench.test_report import printed


def test_goals_are_judged_on_paired_medians_against_any_row(tables):
    peer, naive, share = tables[0].verdicts
    assert (peer.value, peer.reached) == (1.5, True)
    assert (naive.value, naive.reached) == (3.0, False)
    assert (share.value, share.reached) == (pytest.approx(0.6), False)
    (loop,) = tables[1].verdicts
    assert (loop.value, loop.mark, loop.reached) == (pytest.approx(1.6), pytest.approx(1 / 1.6), True)


def test_a_goal_whose_rows_are_not_there_is_left_out(tables):
    assert all(verdict.base != "absent" for verdict in tables[0].verdicts)


def test_goals_are_shown_with_what_became_of_them(tables):
    text = printed(show_verdicts, tables[0])
    assert "goal reached: idm, at least 1.40x peer: 1.50 (quartiles 1.50 to 1.75)" in text
    assert "goal missed: idm, at least 70% of the peak" in text
    assert "reached" not in printed(show_verdicts, tables[2])


def test_the_summary_counts_goals_and_names_the_missed_ones(tables):
    text = printed(show_summary, tables)
    assert "2 of 4 goals reached" in text
    assert text.count("missed") == 2
    assert printed(show_summary, tables[2:]) == ""


def test_bars_are_the_rows_below_the_first_and_the_goals_between_two_others(tables):
    assert [bar.label for bar in bars(tables[0])] == ["naive", "idm", "idm / naive"]
    assert [bar.goal for bar in bars(tables[0])] == [None, 1.4, 4.0]
    assert [bar.reached for bar in bars(tables[0])] == [True, True, False]


def test_the_picture_grows_with_the_number_of_bars(tables):
    def inches(some):
        return Image.open(io.BytesIO(png(speed_figure(some)))).height / figures.DPI

    assert inches(tables) > inches(tables[:1]) > 0.6


def test_the_json_holds_goals_beside_times_and_the_peers_that_are_missing(tables):
    results = Results({"torch": "2"}, "compare.py", 3, [], {}, [one.outcome for one in tables])
    found = plain(results, tables, ["missing"])
    assert found["missing"] == ["missing"]
    assert [goal["reached"] for goal in found["tables"][0]["goals"]] == [True, False, False]
    assert [table["title"] for table in found["tables"]] == ["forward pass", "loop", "no goals"]
