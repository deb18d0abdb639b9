"""Scoring from the command line: held-out data, or others."""

import json

import numpy as np
import pytest

from idm.data import SOURCES


def refuse_constant(text):
    raise AssertionError(f"{text} is not JSON")


@pytest.fixture
def one(tmp_path):
    source = SOURCES.build("digits", {})
    np.savez(tmp_path / "one.npz", data=source.read(np.arange(1)), labels=source.labels[:1])
    return tmp_path / "one.npz"


def test_a_single_sample_has_no_standard_error_which_json_writes_as_null(idm, run, one, tmp_path):
    result = idm("evaluate", run, "--data", one, "--steps", "3", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    written = (tmp_path / "out" / "evaluation.json").read_text()
    for text in (written, result.out):
        scores = json.loads(text, parse_constant=refuse_constant)
        assert scores["num"] == 1
        assert scores["data"] == str(one)
        assert scores["bits_per_dim"]["total"]["standard_error"] is None
        assert scores["bits_per_dim"]["total"]["mean"] > 0


def test_people_are_told_of_a_single_sample_without_a_standard_error(idm, run, one, tmp_path):
    result = idm("evaluate", run, "--data", one, "--steps", "3", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "nan" not in result.out
    assert "1 samples" in " ".join(result.out.split())


def test_the_classifier_needs_the_run_s_own_data(idm, run, one, tmp_path):
    result = idm("evaluate", run, "--data", one, "--samples", "5", "--out", tmp_path / "out")
    assert result.code == 3
    assert "leave out --samples or --data" in result.errors[0]
    assert not (tmp_path / "out").exists()


def test_other_data_that_are_not_there(idm, run, tmp_path):
    result = idm("evaluate", run, "--data", tmp_path / "none.npy")
    assert result.code == 3
    assert len(result.errors) == 1
    assert "nothing there" in result.errors[0]
