"""``idm bench``, on little work."""

import json

import pytest
import torch

from idm.bench import harness
from idm.bench.ours import OUR_FLOAT32
from idm.bench.peak import Peak
from idm.bench.sizes import SIZES
from idm.bench.workloads import WORKLOADS

LITTLE = ["--only", "forward", "--sizes", "tiny", "--rounds", 2]


@pytest.fixture
def short_samples(monkeypatch):
    """Time what lasts a moment: the figures are not what is tested; bfloat16 is slow on some processors."""
    monkeypatch.setattr(harness, "SHORTEST_SECONDS", 0.001)
    monkeypatch.setattr(harness, "TRIES", 1)
    monkeypatch.setattr("idm.bench.run.OURS", (OUR_FLOAT32,))
    peak = Peak(1e12, "a shape", 1e12)
    monkeypatch.setattr("idm.bench.run.measure_peaks", lambda clock: {torch.float32: peak})


@pytest.mark.usefixtures("short_samples")
def test_a_small_benchmark_prints_tables_and_writes_results(idm, tmp_path):
    result = idm("bench", *LITTLE, "--out", tmp_path)
    assert result.code == 0, result.err
    for words in (
        "processor",
        "Numerics",
        "against float64",
        "Peak of this machine",
        "forward pass, tiny, batch 16",
        "idm float32",
        "results.json",
    ):
        assert words in result.out
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(kept["tables"]) == 1
    assert all(len(row["times"]) == 2 for table in kept["tables"] for row in table["rows"])


@pytest.mark.usefixtures("short_samples")
def test_json_is_all_that_is_printed_where_it_is_wanted(idm, tmp_path):
    result = idm("bench", *LITTLE, "--out", tmp_path, "--json")
    assert result.code == 0, result.err
    assert result.json["rounds"] == 2
    assert result.json["files"]["results"] == str(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("option", "value", "choice"), [("--only", "forwards", "forward"), ("--sizes", "huge", "medium, small, tiny")]
)
def test_unknown_names_are_refused_with_the_choices(idm, tmp_path, option, value, choice):
    result = idm("bench", option, value, "--out", tmp_path / "none")
    assert result.code == 2
    (line,) = result.errors
    assert value in line
    assert choice in line
    assert not (tmp_path / "none").exists()


def test_fewer_than_two_rounds_are_refused(idm):
    assert idm("bench", "--rounds", 1).code == 2


def test_help_names_every_workload_and_size(idm):
    words = idm("bench", "--help").out.replace(",", " ").replace(";", " ").split()
    assert {*WORKLOADS, *SIZES} <= set(words)
