"""``idm check-math``: theory beside measurement, with two samplers that take a moment."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from idm.proof import posterior, restorers, samplers, solvers
from idm.tasks import check_math


@pytest.fixture
def few(monkeypatch):
    """DDIM and ancestral sampling alone."""
    monkeypatch.setattr(samplers, "DETERMINISTIC", solvers.DETERMINISTIC[1:2])
    monkeypatch.setattr(samplers, "STOCHASTIC", solvers.STOCHASTIC[-1:])
    monkeypatch.setattr("idm.proof.measured.MOST_STEPS", 400)


def test_what_holds_is_a_table_a_figure_and_json(idm, few, tmp_path):
    result = idm("check-math", "--quick", "--out", tmp_path / "math")
    assert result.code == 0, result.out
    assert "2 of 2 as theory says" in result.out
    numbers = json.loads((tmp_path / "math" / "math.json").read_text())
    assert numbers["holds"] is True
    assert [one["solver"] for one in numbers["measured"]] == ["DPM-Solver++(2M)", "Heun, churn 20"]
    assert all(abs(slope - 2) <= 0.15 for one in numbers["measured"] for slope in one["slopes"])
    table = (tmp_path / "math" / "math.md").read_text().splitlines()
    assert len(table) == 4
    assert {line.count("|") for line in table} == {10}
    picture = Image.open(tmp_path / "math" / "math.png")
    assert picture.width > 2 * picture.height  # two panels beside each other
    assert (tmp_path / "math" / "math.svg").read_text().startswith("<svg")


def test_what_does_not_hold_has_exit_code_5_and_the_same_results(idm, few, monkeypatch, tmp_path):
    monkeypatch.setattr(samplers, "DETERMINISTIC", (replace(solvers.DETERMINISTIC[0], order=2),))
    result = idm("check-math", "--quick", "--out", tmp_path / "math", "--json")
    assert result.code == 5
    assert result.json["holds"] is False
    assert [one["holds"] for one in result.json["measured"]] == [False, True]
    monkeypatch.setattr(samplers, "STOCHASTIC", ())
    assert not check_math(quick=True).holds


def test_a_check_that_is_none_is_refused(idm):
    result = idm("check-math", "sampler")
    assert result.code == 2
    assert "did you mean 'samplers'?" in result.errors[0]


@pytest.fixture
def two_restorers(monkeypatch):
    """DPS and full covariances, of one operator."""
    chosen = [one for one in restorers.RESTORERS if one.name in ("DPS", "TMPD, full covariance")]
    monkeypatch.setattr(posterior, "RESTORERS", chosen)
    monkeypatch.setattr(posterior, "QUICK_VIEWS", ("mask",))
    return chosen


def test_methods_of_restoration_are_two_tables_a_figure_and_json(idm, two_restorers, tmp_path):
    result = idm("check-math", "posterior", "--quick", "--out", tmp_path / "math")
    assert result.code == 0, result.out
    assert "1 of 1 as theory says" in result.out
    assert two_restorers[0].remark in result.out
    numbers = json.loads((tmp_path / "math" / "math.json").read_text())
    assert [one["method"] for one in numbers["measured"]] == ["DPS", "TMPD, full covariance"]
    assert [one["method"] for one in numbers["summary"]] == ["DPS", "TMPD, full covariance"]
    summary, table = (tmp_path / "math" / "math.md").read_text().split("\n\n")
    assert [len(lines.splitlines()) for lines in (summary, table)] == [4, 4]
    picture = Image.open(tmp_path / "math" / "math.png")
    assert picture.width > 2 * picture.height


def test_a_method_that_is_not_exact_but_said_to_be_has_exit_code_5(idm, two_restorers, monkeypatch):
    wrong = replace(two_restorers[0], exact=two_restorers[1].exact)
    monkeypatch.setattr(posterior, "RESTORERS", [wrong])
    result = idm("check-math", "posterior", "--quick")
    assert result.code == 5
    assert "0 of 1 as theory says" in result.out
