"""Bounds that are estimated from the command line, and the scores of single samples."""

import csv
import math

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import InterruptedRunError
from idm.data import SOURCES


def rows_of(folder):
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_sample_has_its_score_with_its_number_in_the_data(idm, run, tmp_path):
    result = idm("evaluate", run, "--num", "7", "--steps", "3", "--out", tmp_path, "--json")
    assert result.code == 0, result.err
    rows = rows_of(tmp_path)
    assert list(rows[0]) == ["index", "bits_per_dim"]
    assert len({row["index"] for row in rows}) == 7
    mean = np.mean([float(row["bits_per_dim"]) for row in rows])
    assert mean == pytest.approx(result.json["bits_per_dim"]["total"]["mean"], rel=1e-9)
    assert result.json["scores"] == str(tmp_path / "scores.csv")


def test_samples_that_are_files_have_their_names(idm, run, tmp_path):
    source = SOURCES.build("digits", {})
    picked = [int(np.flatnonzero(source.labels == digit)[0]) for digit in range(10)]
    for digit, values in enumerate(source.read(np.array(picked))):
        (tmp_path / "in" / str(digit)).mkdir(parents=True)
        Image.fromarray(values[0]).save(tmp_path / "in" / str(digit) / "odd, name.png")
    result = idm("evaluate", run, "--data", tmp_path / "in", "--steps", "2", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    rows = rows_of(tmp_path / "out")
    assert sorted((int(row["index"]), row["name"]) for row in rows) == [(i, f"{i}/odd, name.png") for i in range(10)]


def test_a_budget_estimates_the_bound_with_an_error_for_every_sample(idm, run, tmp_path):
    result = idm("evaluate", run, "--budget", "8", "--num", "40", "--out", tmp_path / "few", "--json")
    assert result.code == 0, result.err
    found, whole = result.json, idm("evaluate", run, "--num", "40", "--out", tmp_path / "all", "--json").json
    estimate = found["estimate"]
    assert (estimate["calls"], found["steps"], found["num"]) == (8, whole["steps"], 40)
    rows = rows_of(tmp_path / "few")
    errors = np.array([float(row["standard_error"]) for row in rows])
    assert estimate["standard_error"] == pytest.approx(math.sqrt((errors**2).sum()) / 40)
    assert abs(estimate["mean"] - whole["bits_per_dim"]["total"]["mean"]) < 5 * estimate["standard_error"]
    parts = found["bits_per_dim"]
    assert parts["total"]["mean"] == pytest.approx(sum(parts[name]["mean"] for name in ("prior", "steps", "decoder")))
    assert [row["index"] for row in rows] == [row["index"] for row in rows_of(tmp_path / "all")]
    assert "terms" not in found
    assert not (tmp_path / "few" / "bound.png").exists()
    told = " ".join(idm("evaluate", run, "--budget", "8", "--num", "40", "--out", tmp_path / "few").out.split())
    assert "estimated from 8 calls of the network each" in told


def test_a_target_is_reached_by_more_calls_where_it_is_smaller(idm, run, tmp_path):
    calls = []
    for target in ("0.2", "0.02"):
        result = idm("evaluate", run, "--target-se", target, "--num", "40", "--out", tmp_path / target, "--json")
        assert result.code == 0, result.err
        assert result.json["estimate"]["standard_error"] < float(target)
        calls.append(result.json["estimate"]["calls"])
    assert calls[0] < calls[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--budget", "7"), "--budget: an even number from 4 on wanted, got 7"),
        (("--budget", "8", "--target-se", "0.1"), "--target-se: it or a budget wanted, got 0.1 and 8"),
        (("--target-se", "0"), "--target-se: a number of bits/dim above 0 wanted, got 0.0"),
        (("--target-se", "nan"), "--target-se: a finite number wanted, got nan"),
        (("--target-se", "1e-9"), "each reach, got 1e-09; leave it out"),
        (("--budget", "4000"), "--budget: a chain of 4,000 steps or more wanted"),
        (("--target-se", "0.1", "--steps", "3"), "--target-se: a chain of 18 steps or more wanted, got 3"),
    ],
)
def test_what_cannot_be_estimated_is_refused_in_a_line(idm, run, tmp_path, given, said):
    result = idm("evaluate", run, *given, "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert said in result.errors[0]
    assert not (tmp_path / "out" / "evaluation.json").exists()


def test_a_stopped_estimate_goes_on_to_the_same_numbers(idm, run, tmp_path, monkeypatch):
    from idm.tasks import estimates

    arguments = ("evaluate", run, "--budget", "6", "--batch-size", "16", "--num", "40", "--json", "--out")
    whole = idm(*arguments, tmp_path / "whole").json
    estimate, parts = estimates.estimate_of, []

    def stopped(run, data, chain, numbers, *rest, **options):
        parts.append(numbers)
        if len(parts) == 3:
            raise InterruptedRunError("stopped")
        return estimate(run, data, chain, numbers, *rest, **options)

    monkeypatch.setattr(estimates, "estimate_of", stopped)
    assert idm(*arguments, tmp_path / "out").code == 75
    result = idm(*arguments, tmp_path / "out")
    assert result.code == 0, result.err
    assert len(parts) == 4  # the third part again, and no other
    assert result.json["bits_per_dim"] == whole["bits_per_dim"]
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "whole")


def test_the_flow_scores_every_sample_beside_the_bound_and_goes_on_where_it_was(idm, run, tmp_path, monkeypatch):
    from idm.tasks import estimates

    few = ("--metrics", "bound,flow", "--flow-steps", "2", "--steps", "2", "--num", "6", "--batch-size", "2", "--out")
    likelihood, parts = estimates.flow_of_samples, []

    def stopped(run, data, numbers, **options):
        parts.append(numbers)
        if len(parts) == 2:
            raise InterruptedRunError("stopped")
        return likelihood(run, data, numbers, **options)

    monkeypatch.setattr(estimates, "flow_of_samples", stopped)
    assert idm("evaluate", run, *few, tmp_path / "out").code == 75
    result = idm("evaluate", run, *few, tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert len(parts) == 4  # the second and the third part of three
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["index", "bits_per_dim", "flow_bits_per_dim"]
    mean = np.mean([float(row["flow_bits_per_dim"]) for row in rows])
    assert result.json["flow"]["bits_per_dim"]["mean"] == pytest.approx(mean)
    assert result.json["metrics"]["flow"][0]["value"] == pytest.approx(mean)
    refused = idm("evaluate", run, "--metrics", "flow", "--flow-steps", "3")
    assert (refused.code, refused.errors) == (2, ["error[E200]: --flow-steps: an even number wanted, got 3"])


def test_the_table_goes_where_it_is_named_and_replaces_nothing_of_others(idm, run, tmp_path):
    few = ("evaluate", run, "--num", "3", "--steps", "2", "--out", tmp_path / "out", "--scores")
    assert idm(*few[:-1]).code == 0  # whose table is replaced by the next one
    for place in (tmp_path / "tables" / "mine.csv", tmp_path / "out" / "other.csv"):
        for _ in range(2):  # the second time it replaces its own
            result = idm(*few, place, "--json")
            assert result.code == 0, result.err
            assert result.json["scores"] == str(place)
            assert len(place.read_text().splitlines()) == 4
        assert not (tmp_path / "out" / "scores.csv").exists()
    assert "leaves other.csv of an earlier command" in idm(*few[:-1]).out
    (tmp_path / "taken.csv").write_text("mine")
    refused = idm(*few, tmp_path / "taken.csv")
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "taken.csv" in refused.errors[0]
    assert (tmp_path / "taken.csv").read_text() == "mine"
    (tmp_path / "out" / "taken.csv").write_text("mine")
    for place in (tmp_path / "taken.csv", tmp_path / "out" / "taken.csv"):
        refused = idm(*few, place)
        assert (refused.code, len(refused.errors)) == (2, 1)
        assert f"--scores {place}: a folder without other files" in refused.errors[0]
        assert refused.errors[0].endswith("give another file name")
    wrong = idm(*few, tmp_path / "scores.txt")
    assert (wrong.code, len(wrong.errors)) == (2, 1)
    assert "a file name ending in .csv wanted" in wrong.errors[0]
    assert "--scores " in wrong.errors[0]
    drawn = ("--metrics", "values", "--samples", "30", "--sampler-steps", "2")
    assert "--scores: a metric of single samples wanted" in idm(*few, "a.csv", *drawn).errors[0]


def test_others_may_write_to_the_folder_of_the_table_meanwhile(idm, run, tmp_path, monkeypatch):
    from idm.storage.results import results_in
    from idm.tasks import score_plan

    few = ("evaluate", run, "--num", "3", "--steps", "2", "--out", tmp_path / "out", "--scores")
    scored = score_plan.scored_in_parts

    def beside(*given, **options):
        with results_in(tmp_path / "tables", ("theirs.csv",)):
            return scored(*given, **options)

    monkeypatch.setattr(score_plan, "scored_in_parts", beside)
    result = idm(*few, tmp_path / "tables" / "mine.csv")
    assert result.code == 0, result.err
    monkeypatch.undo()
    result = idm(*few, tmp_path / "out" / ".." / "out" / "mine.csv")  # the same folder by another way
    assert result.code == 0, result.err
    assert (tmp_path / "out" / "mine.csv").is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--flow-steps", "20"), "--flow-steps: a metric that it is for wanted, got --metrics bound; name flow, too"),
        (("--metrics", "flow", "--budget", "8"), "--budget: a metric that it is for wanted, got --metrics flow; name"),
    ],
)
def test_options_that_no_metric_looks_at_are_refused(idm, run, tmp_path, given, said):
    result = idm("evaluate", run, *given, "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert said in result.errors[0]
    assert not (tmp_path / "out").exists()
