"""Errors over noise levels from the command line."""

import pytest

LEVELS = ("--metrics", "levels", "--num", "30")


def test_errors_over_levels_stand_beside_those_on_training_data(idm, run, tmp_path):
    result = idm("evaluate", run, *LEVELS, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    found = result.json["levels_of_noise"]
    number = len(found["kappa"])
    assert found["kappa"] == sorted(found["kappa"])
    for kind in ("held_out", "training"):
        assert found[kind]["num"] == 30
        for name in ("bits_per_dim", "x_start_mse", "eps_mse"):
            assert len(found[kind][name]) == len(found[kind][f"{name}_error"]) == number
    excess = [
        a - b for a, b in zip(found["training"]["x_start_mse"], found["training"]["optimal_x_start_mse"], strict=True)
    ]
    assert found["training"]["excess"] == pytest.approx(excess, abs=1e-9)
    assert "excess" not in found["held_out"]
    figures = {figure["name"]: figure["value"] for figure in result.json["metrics"]["levels"]}
    assert figures["train_gap"] == found["train_gap"]["mean"]
    assert figures["excess_loss"] == found["excess_loss"]["mean"]
    assert (tmp_path / "out" / "levels.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "out" / "bound.png").exists()
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".parts")]


def test_people_see_what_errors_are_of(idm, run, tmp_path):
    told = " ".join(idm("evaluate", run, *LEVELS, "--out", tmp_path / "out").out.split())
    assert "train_gap" in told
    assert "of 30 training samples are below those of held-out ones" in told


def test_batches_and_an_interruption_change_no_number(idm, run, tmp_path, monkeypatch):
    from idm.core.errors import InterruptedRunError
    from idm.tasks import level_parts

    arguments = ("evaluate", run, *LEVELS, "--json", "--out")
    whole = idm(*arguments, tmp_path / "whole").json["levels_of_noise"]
    errors_of, parts = level_parts.errors_of, []

    def stopped(run, dataset, numbers, *rest, **options):
        parts.append(numbers)
        if len(parts) == 5:
            raise InterruptedRunError("stopped")
        return errors_of(run, dataset, numbers, *rest, **options)

    made, best_of_training = [], level_parts.best_of_training

    def counted(*given):
        made.append(len(parts))
        return best_of_training(*given)

    monkeypatch.setattr(level_parts, "errors_of", stopped)
    monkeypatch.setattr(level_parts, "best_of_training", counted)
    few = (*arguments, tmp_path / "out", "--batch-size", "8")
    assert idm(*few).code == 75
    result = idm(*few)
    assert result.code == 0, result.err
    assert len(parts) == 5 + 4  # the fifth part again, and those after it
    assert made == [4, 5]  # the optimum is made once a call, before the first part of training samples
    again = result.json["levels_of_noise"]
    for kind in ("held_out", "training"):
        assert again[kind]["x_start_mse"] == pytest.approx(whole[kind]["x_start_mse"], rel=1e-4)


def test_other_data_have_no_training_data_beside_them(idm, run, tmp_path):
    import numpy as np

    from idm.data import SOURCES

    source = SOURCES.build("digits", {})
    np.savez(tmp_path / "some.npz", data=source.read(np.arange(12)), labels=source.labels[:12])
    result = idm(
        "evaluate", run, "--metrics", "levels", "--data", tmp_path / "some.npz", "--out", tmp_path / "o", "--json"
    )
    assert result.code == 0, result.err
    assert "training" not in result.json["levels_of_noise"]
    assert [figure["name"] for figure in result.json["metrics"]["levels"]] == ["eps_error", "x_start_error"]
