"""``idm fit-solver``, ``--sampler fitted`` and ``--plan trajectory``."""

import json
import shlex
import shutil

import numpy as np
import pytest

from idm.run import walks


@pytest.fixture(scope="module")
def fitted(run, idm, tmp_path_factory):
    """A run with a solver of two calls, and what was told of it."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("fitted") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walks, "FINE_LEVELS", 10)
        patch.setattr(walks, "NUM_WALKS", 9)
        told = idm("fit-solver", folder, "--calls", "2", "--json")
        assert told.code == 0, told.err
        assert idm("sample", folder, "--num", "2", "--steps", "3", "--plan", "trajectory").code == 0
    return folder, told


def drawn(idm, out, *arguments):
    result = idm("sample", *arguments, "--num", "4", "--no-trajectory", "--out", out)
    assert result.code == 0, result.err
    return np.load(out / "samples.npz")["data"], result


def test_levels_weights_and_errors_are_told_and_kept(fitted):
    folder, told = fitted
    assert told.json["calls"] == len(told.json["kappas"]) == len(told.json["weights"]) == 2
    kept = json.loads((folder / "fits" / "solver-2.json").read_text())["content"]
    assert {name: told.json[name] for name in kept} == kept
    assert told.json["file"] == str(folder / "fits" / "solver-2.json")


def test_the_solver_draws_in_as_many_calls_and_not_as_multistep_does(fitted, idm, tmp_path):
    folder, _ = fitted
    samples, result = drawn(idm, tmp_path / "a", folder, "--sampler", "fitted", "--steps", "2", "--json")
    assert result.json["calls"] == 2
    others, _ = drawn(idm, tmp_path / "b", folder, "--sampler", "multistep", "--steps", "2")
    assert (samples != others).any()


def test_a_plan_is_taken_again_by_name(fitted, idm, tmp_path):
    folder, _ = fitted
    first, _ = drawn(idm, tmp_path / "a", folder, "--plan", "trajectory", "--steps", "3")
    again, result = drawn(idm, tmp_path / "b", folder, "--plan", "trajectory-3", "--json")
    assert (first == again).all()
    assert result.json["steps"] == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--sampler", "fitted", "--steps", "3"), "solver-3: "),
        (("--sampler", "fitted"), "--steps: a number that a solver was fitted for wanted, got none; choose from 2"),
        (("--sampler", "fitted", "--steps", "2", "--spacing", "rho"), "sampler: steps alone wanted"),
        (("--sampler", "fitted", "--steps", "2", "--plan", "trajectory"), "sampler: steps alone wanted"),
        (("--sampler", "fitted", "--steps", "2", "--guidance", "2"), "--guidance: 1 wanted"),
        (("--plan", "trajectory", "--steps", "3", "--spacing", "rho"), "--plan: trajectory without a spacing wanted"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_line(fitted, idm, options, told):
    folder, _ = fitted
    result = idm("sample", folder, *options)
    assert result.code == 2
    assert len(result.errors) == 1
    assert told in result.errors[0]


def test_the_advice_where_there_is_no_solver_works(fitted, idm, tmp_path, monkeypatch):
    folder = shutil.copytree(fitted[0], tmp_path / "run")
    monkeypatch.setattr(walks, "FINE_LEVELS", 10)
    monkeypatch.setattr(walks, "NUM_WALKS", 9)
    for options in (("--steps", "3"), ("--steps", "2", "--guidance", "1.5")):
        refused = idm("sample", folder, "--sampler", "fitted", *options)
        if refused.code == 2 and "label dropout" in refused.err:
            continue
        _, advice, _ = refused.errors[0].split("'")
        program, *words = shlex.split(advice)
        assert program == "idm"
        assert idm(*words).code == 0
        assert idm("sample", folder, "--sampler", "fitted", "--num", "1", *options).code == 0


def test_a_solver_of_another_checkpoint_is_refused(fitted, idm):
    folder, _ = fitted
    older = min((folder / "checkpoints").iterdir())
    refused = idm("sample", older, "--sampler", "fitted", "--steps", "2")
    assert (refused.code, len(refused.errors)) == (4, 1)
    assert "solver-2" in refused.errors[0]
