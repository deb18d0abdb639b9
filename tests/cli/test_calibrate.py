"""Measuring error curves from the command line, and what follows from them."""

import json
import shlex
import shutil

import numpy as np
import pytest


@pytest.fixture(scope="module")
def measured(run, tmp_path_factory, idm):
    """A copy of the run, measured."""
    folder = tmp_path_factory.mktemp("measured") / "digits"
    shutil.copytree(run, folder)
    result = idm("calibrate", folder, "--num", "40", "--levels", "8")
    assert result.code == 0, result.err
    assert "40 samples at" in result.out
    assert "--plan likelihood" in result.out
    return folder


def test_programs_get_the_curve(idm, run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    told = idm("calibrate", tmp_path / "copy", "--num", "8", "--levels", "3", "--json").json
    assert told["num"] == 8
    assert len(told["kappa"]) == len(told["error"]) == len(told["standard_error"]) == 3
    assert sorted(told["kappa"]) == told["kappa"]
    assert sorted(told["error"]) == told["error"]


def test_variances_and_plans_are_had_after_it_and_listed(idm, measured, tmp_path):
    out = tmp_path / "out"
    options = ("--steps", "5", "--plan", "likelihood", "--variance", "analytic_position")
    planned = idm("evaluate", measured, *options, "--num", "8", "--out", out)
    assert planned.code == 0, planned.err
    assert json.loads((out / "evaluation.json").read_text())["plan"] == "likelihood"
    drawn = idm(
        "sample",
        measured,
        "--num",
        "2",
        "--sampler",
        "ddpm",
        "--plan",
        "likelihood-5-position",
        "--out",
        tmp_path / "s",
    )
    assert drawn.code == 0, drawn.err
    assert "5 steps" in drawn.out
    assert "likelihood-5-position" in idm("info", measured).out
    assert idm("verify", measured).code == 0


def test_a_head_is_trained_on_what_was_measured_and_used_by_its_name(idm, measured, tmp_path):
    folder = shutil.copytree(measured, tmp_path / "run")
    refused = idm("evaluate", folder, "--steps", "3", "--variance", "npr", "--out", tmp_path / "out")
    assert refused.code == 2
    (line,) = refused.errors
    _, advice, _ = line.split("'")
    assert shlex.split(advice) == ["idm", "calibrate", str(folder), "--head", "npr"]
    trained = idm(*shlex.split(advice)[1:], "--num", "40", "--levels", "8", "--steps", "2")
    assert trained.code == 0, trained.err
    assert "npr, 2 steps" in trained.out
    assert "--variance npr" in trained.out
    options = ("--steps", "3", "--variance", "npr", "--out", tmp_path / "out")
    for verb, more in (("evaluate", ("--num", "4")), ("sample", ("--num", "2", "--sampler", "ddim"))):
        result = idm(verb, folder, *more, *options)
        assert result.code == 0, result.err
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["variance"] == "npr"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--steps", "5"), "--steps: none wanted without a head to train, got 5; name one with --head npr"),
        (("--head", "nrp"), "head: "),
    ],
)
def test_steps_without_a_head_and_heads_that_there_are_not_are_refused_in_a_line(idm, run, options, told):
    result = idm("calibrate", run, *options)
    assert result.code == 2
    (line,) = result.errors
    assert told in line


def test_a_plan_with_a_spacing_is_refused_in_a_line(idm, measured, tmp_path):
    for verb in ("sample", "evaluate"):
        options = ("--steps", "5", "--plan", "likelihood", "--spacing", "rho", "--out", tmp_path / "out")
        result = idm(verb, measured, *options)
        assert result.code == 2
        (line,) = result.errors
        assert "spacing" in line
        assert not (tmp_path / "out").exists()


def test_what_was_not_measured_is_refused_with_the_command_that_measures_it(idm, run, tmp_path):
    for options in (("--variance", "analytic_position"), ("--plan", "likelihood")):
        result = idm("evaluate", run, "--steps", "5", *options, "--out", tmp_path / "out")
        assert result.code == 2
        (line,) = result.errors
        assert "idm calibrate" in line


def test_other_data_are_measured_and_noted_where_they_are_scored(idm, run, tmp_path):
    from idm.data import SOURCES

    source = SOURCES.build("digits", {})
    np.savez(tmp_path / "ten.npz", data=source.read(np.arange(10)), labels=source.labels[:10])
    shutil.copytree(run, tmp_path / "copy")
    made = idm("calibrate", tmp_path / "copy", "--data", tmp_path / "ten.npz", "--levels", "3")
    assert made.code == 0, made.err
    scored = idm(
        "evaluate",
        tmp_path / "copy",
        "--data",
        tmp_path / "ten.npz",
        "--steps",
        "3",
        "--variance",
        "analytic",
        "--out",
        tmp_path / "out",
    )
    assert scored.code == 0, scored.err
    assert "measured on these data" in " ".join(scored.out.split())
