"""Comparing two runs from the command line."""

import csv

import numpy as np
import pytest

from idm.core.errors import InterruptedRunError

FEW = ("--num", "12", "--steps", "3")


@pytest.fixture(scope="module")
def earlier(run):
    """An earlier checkpoint of the run."""
    return sorted((run / "checkpoints").iterdir())[0]


def test_the_difference_of_two_checkpoints_is_told_and_written(idm, run, earlier, tmp_path):
    result = idm("compare", run, earlier, *FEW, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    found = result.json
    assert found["num"] == 12
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    first, second, apart = (np.array([float(row[name]) for row in rows]) for name in ("first", "second", "difference"))
    np.testing.assert_allclose(apart, first - second, atol=1e-12)
    assert found["difference"]["mean"] == pytest.approx(apart.mean())
    assert found["difference"]["standard_error"] == pytest.approx(apart.std(ddof=1) / 12**0.5)
    low, high = found["difference"]["interval"]
    assert high - low == pytest.approx(2 * 2.2009852 * apart.std(ddof=1) / 12**0.5)  # t of 11 degrees of freedom
    # What is compared is what either run is scored with alone.
    alone = idm("evaluate", earlier, *FEW, "--out", tmp_path / "alone", "--json").json
    assert found["second"]["mean"] == pytest.approx(alone["bits_per_dim"]["total"]["mean"], rel=1e-6)
    assert len({row["index"] for row in rows}) == 12
    told = idm("compare", run, earlier, *FEW, "--out", tmp_path / "out")
    assert "replaces" in told.out
    assert "verdict" in told.out


def test_a_run_is_not_told_from_itself(idm, run, tmp_path):
    for more in ((), ("--budget", "6")):
        result = idm("compare", run, run, "--num", "5", *more, "--out", tmp_path / "out", "--json")
        assert result.code == 0, result.err
        assert (result.json["better"], result.json["difference"]["p_value"]) == ("cannot be told", 1.0)


def test_one_sample_tells_nothing(idm, run, earlier, tmp_path):
    result = idm("compare", run, earlier, "--num", "1", "--steps", "2", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert (result.json["better"], result.json["difference"]["interval"]) == ("cannot be told", [None, None])
    told = idm("compare", run, earlier, "--num", "1", "--steps", "2", "--out", tmp_path / "out").out
    assert "nan" not in told
    assert "±" not in told


def test_what_cannot_be_compared_is_refused_in_a_line(idm, run, others, tmp_path):
    for given, code, said in (
        ((run, others / "points"), 2, "compare: bits/dim of the same levels wanted"),
        ((run, run, "--budget", "5"), 2, "--budget: an even number from 4 on wanted, got 5"),
        ((run, run, "--budget", "400"), 2, "--budget: a chain of 400 steps or more wanted, got"),
        ((run, run, "--steps", "999"), 2, "--steps: a number from 1 to"),
        ((run, tmp_path / "none"), 4, "none"),
    ):
        result = idm("compare", *given, "--out", tmp_path / "out")
        assert (result.code, len(result.errors)) == (code, 1), result.err
        assert said in result.errors[0]
        assert not (tmp_path / "out" / "comparison.json").exists()


def test_what_is_finished_of_a_stopped_comparison_is_kept(idm, run, earlier, tmp_path, monkeypatch):
    from idm.tasks import long_jobs

    arguments = (
        "compare",
        run,
        earlier,
        "--steps",
        "3",
        "--num",
        "40",
        "--batch-size",
        "16",
        "--out",
        tmp_path / "out",
    )
    bound, scored = long_jobs.bound_of_samples, []

    def stopped(run, data, chain, numbers, **options):
        scored.append(numbers)
        if len(scored) == 4:
            raise InterruptedRunError("stopped")
        return bound(run, data, chain, numbers, **options)

    monkeypatch.setattr(long_jobs, "bound_of_samples", stopped)
    assert idm(*arguments).code == 75
    before = len(scored)
    result = idm(*arguments, "--json")
    assert result.code == 0, result.err
    parts = 2 * -(-40 // 16)
    assert len(scored) - before == parts - (before - 1)
    monkeypatch.undo()
    whole = idm("compare", run, earlier, "--steps", "3", "--num", "40", "--out", tmp_path / "whole", "--json").json
    for name in ("mean", "standard_error", "interval"):
        assert result.json["difference"][name] == pytest.approx(whole["difference"][name], rel=1e-3)
