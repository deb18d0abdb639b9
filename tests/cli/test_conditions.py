"""Conditions from the command line: look, train, draw, score and restore."""

import shlex

import numpy as np
import pytest

from idm import load
from idm.core.errors import SettingsError

from .conftest import TINY, set_options

NUM = 24
FINE = (np.arange(NUM * 64).reshape(NUM, 1, 8, 8) % 61).astype(np.float32)
COARSE = FINE.reshape(NUM, 1, 4, 2, 4, 2).mean(axis=(3, 5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, idm):
    """A folder with fields, their coarse ones, and a run that is told these."""
    place = tmp_path_factory.mktemp("conditions")
    np.save(place / "fine.npy", FINE)
    np.save(place / "coarse.npy", COARSE)
    data = ("--data", place / "fine.npy", "--condition", place / "coarse.npy")
    done = idm("train", *data, "--out", place / "run", *set_options(TINY), "--device", "cpu")
    assert done.code == 0, done.err
    assert "conditions of 1 x 4 x 4" in " ".join(done.out.split())
    return place


def test_check_data_shows_conditions_and_carries_them_into_the_command_that_trains(idm, folder):
    found = idm("check-data", folder / "fine.npy", "--condition", folder / "coarse.npy")
    assert found.code == 0
    assert "24 of 1 x 4 x 4, float32, continuous" in found.out
    assert f"--condition {folder / 'coarse.npy'}" in found.out
    np.save(folder / "few.npy", COARSE[:3])
    refused = idm("check-data", folder / "fine.npy", "--condition", folder / "few.npy")
    assert refused.code == 3
    assert "one for each of the 24 samples wanted" in refused.out


def test_samples_are_drawn_for_conditions_of_a_file_in_turn_and_kept_beside_them(idm, folder):
    np.save(folder / "two.npy", COARSE[:2])
    done = idm("sample", folder / "run", "--condition", folder / "two.npy", "--num", 5, "--out", folder / "drawn")
    assert done.code == 0, done.err
    kept = np.load(folder / "drawn" / "samples.npz")
    np.testing.assert_allclose(kept["condition"], COARSE[[0, 1, 0, 1, 0]], rtol=1e-5)
    assert kept["data"].shape == (5, 1, 8, 8)
    own = idm("sample", folder / "run", "--num", 3, "--out", folder / "own")
    assert own.code == 0, own.err
    given = np.load(folder / "own" / "samples.npz")["condition"]
    assert all(np.isclose(COARSE, one, rtol=1e-4).all(axis=(1, 2, 3)).any() for one in given)


def test_what_is_scored_and_restored_is_told_its_conditions(idm, folder):
    found = idm("evaluate", folder / "run", "--steps", 3, "--json")
    assert found.code == 0, found.err
    others = ("--data", folder / "fine.npy", "--condition", folder / "coarse.npy")
    assert idm("evaluate", folder / "run", *others, "--steps", 3, "--num", 2).code == 0
    lacking = idm("evaluate", folder / "run", "--data", folder / "fine.npy")
    assert lacking.code == 3
    assert lacking.errors[0].endswith("give --condition PATH")
    enlarge = ("--operator", "downsample:2", "--num", 2, "--steps", 3)
    restored = idm("restore", folder / "run", "held-out:0-1", *enlarge, "--simulate")
    assert restored.code == 0, restored.err
    file = ("restore", folder / "run", folder / "coarse.npy", *enlarge)
    assert "condition of each wanted" in idm(*file).errors[0]
    assert idm(*file, "--condition", folder / "coarse.npy").code == 0
    refused = idm("encode", folder / "run", "held-out:0")
    assert "one that is told conditions" in refused.errors[0]


def test_files_want_as_many_conditions_as_samples_or_one_for_all_and_numbers_choose_some(idm, folder, tmp_path):
    for count in (1, 3):
        np.save(tmp_path / f"seen{count}.npy", COARSE[:count])
        np.save(tmp_path / f"fine{count}.npy", np.zeros((count, 1, 8, 8), "f4"))
        told = ("--condition", folder / "coarse.npy")
        for verb in (
            ("restore", folder / "run", tmp_path / f"seen{count}.npy", "--operator", "downsample:2"),
            ("edit", folder / "run", tmp_path / f"fine{count}.npy"),
        ):
            refused = idm(*verb, *told)
            assert (refused.code, len(refused.errors)) == (3, 1)
            assert f"as many conditions as observations, {count}, or one for all, wanted, got 24" in refused.errors[0]
    chosen = idm(*verb, "--condition", f"{folder / 'coarse.npy'}#4-6", "--steps", 3, "--out", tmp_path / "chosen")
    assert chosen.code == 0, chosen.err
    np.save(tmp_path / "same.npy", COARSE[4:7])
    same = idm(*verb, "--condition", tmp_path / "same.npy", "--steps", 3, "--out", tmp_path / "same")
    assert same.code == 0, same.err
    first, second = (np.load(tmp_path / name / "restored.npz")["data"] for name in ("chosen", "same"))
    np.testing.assert_array_equal(first, second)
    beyond = idm(*verb, "--condition", f"{folder / 'coarse.npy'}#22-24")
    assert "a number or range of the 24 conditions wanted" in beyond.errors[0]
    with pytest.raises(SettingsError, match="1, or one for all, wanted, got 24"):
        load(folder / "run").edit(np.zeros((1, 1, 8, 8), "f4"), condition=COARSE)


def test_info_names_the_conditions_and_the_same_command_goes_on(idm, folder):
    assert "conditions of 1 x 4 x 4" in " ".join(idm("info", folder / "run").out.split())
    data = ("--data", folder / "fine.npy", "--condition", folder / "coarse.npy", "--out", folder / "run")
    again = idm("train", *data, *set_options(TINY | {"training.num_steps": 8}), "--device", "cpu")
    assert again.code == 0, again.err
    np.save(folder / "others.npy", COARSE[::-1])
    others = idm("train", "--data", folder / "fine.npy", "--condition", folder / "others.npy", "--out", folder / "run")
    assert others.code != 0
    assert "other conditions" in others.err


def test_data_that_grew_are_trained_on_in_a_new_run_with_their_conditions(idm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(count):
        np.save("fine.npy", FINE[:count])
        np.save("coarse.npy", COARSE[:count])

    write(20)
    few = set_options(TINY | {"training.num_steps": 1, "training.sample_interval": 0})
    command = ("train", "--data", "fine.npy", "--condition", "coarse.npy", "--out", "run", *few, "--device", "cpu")
    assert idm(*command).code == 0
    write(24)
    grown = idm(*command)
    assert "4 new samples" in grown.err
    advised = shlex.split(grown.err.rpartition("weights: ")[2].strip().strip("'\""))
    assert advised[0] == "idm"
    done = idm(*advised[1:], "--set", "num_steps=1", "--device", "cpu")
    assert done.code == 0, done.err
    assert "conditions of 1 x 4 x 4" in " ".join(done.out.split())


def test_conditions_of_another_file_are_read_as_options_say_and_refusals_name_what_works(idm, folder):
    np.savez(folder / "two.npz", low=COARSE[:2], lower=COARSE[2:4])
    sample = ("sample", folder / "run", "--condition", folder / "two.npz", "--num", 2, "--out", folder / "chosen")
    refused = idm(*sample)
    assert refused.code == 3
    assert refused.errors[0].endswith("set data.condition.key to one of these")
    done = idm(*sample, "--set", "data.condition.key=lower", "--set", "eta=0.5")
    assert done.code == 0, done.err
    np.testing.assert_allclose(np.load(folder / "chosen" / "samples.npz")["condition"], COARSE[2:4], rtol=1e-5)
    np.save(folder / "fine2.npy", FINE[2:4])
    others = ("--data", folder / "fine2.npy", "--condition", folder / "two.npz")
    score = ("evaluate", folder / "run", "--steps", 2, *others)
    assert idm(*score, "--set", "condition.key=lower").code == 0
    for wrong, said in (("condition.range=type", "that which the run was trained with"), ("condition.keys=a", "keys")):
        assert said in " ".join(idm(*score, "--set", wrong).errors)
    lone = idm("sample", folder / "run", "--set", "condition.key=low")
    assert "give --condition PATH too" in lone.errors[0]


def test_several_data_sets_are_scored_under_a_condition_each(idm, folder):
    for name, rows in (("one", slice(0, 3)), ("another", slice(3, 5))):
        np.save(folder / f"{name}.npy", FINE[rows])
        np.save(folder / f"{name}-coarse.npy", COARSE[rows])
    sets = ("--data", folder / "one.npy", "--data", folder / "another.npy")
    conditions = ("--condition", folder / "one-coarse.npy", "--condition", folder / "another-coarse.npy")
    both = ("evaluate", folder / "run", "--steps", 2, "--out", folder / "sets", "--json", *sets)
    done = idm(*both, *conditions)
    assert done.code == 0, done.err
    alone = ("evaluate", folder / "run", "--steps", 2, "--out", folder / "alone", "--json", *sets[2:], *conditions[2:])
    found = idm(*alone).json
    bounds = [one["bits_per_dim"]["total"]["mean"] for one in (done.json["sets"][str(folder / "another.npy")], found)]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-5)
    refused = idm(*both, *conditions[:2])
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "one for each of the 2 data sets wanted, in their order, got 1; give as many" in refused.errors[0]


def test_classes_and_conditions_go_together_from_training_to_files(idm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("fine.npz", x=FINE, labels=np.array(["calm", "storm"])[np.arange(NUM) % 2])
    np.save("coarse.npy", COARSE)
    data = ("--data", "fine.npz", "--condition", "coarse.npy")
    done = idm("train", *data, "--out", "run", *set_options(TINY), "--device", "cpu")
    assert done.code == 0, done.err
    assert "2 classes, conditions of 1 x 4 x 4" in " ".join(done.out.split())
    np.save("two.npy", COARSE[:2])
    drawn = ("sample", "run", "--labels", "storm", "--condition", "two.npy", "--num", 3, "--guidance", 2, "--steps", 2)
    done = idm(*drawn, "--format", "idx", "--out", "drawn")
    assert done.code == 0, done.err
    kept = np.load("drawn/samples.npz")
    assert kept["class_names"][kept["labels"]].tolist() == ["storm"] * 3
    np.testing.assert_allclose(kept["condition"], COARSE[[0, 1, 0]], rtol=1e-5)
    assert idm("evaluate", "run", "--steps", 2, "--json").code == 0
    assert idm("calibrate", "run").code == 0
    others = ("evaluate", "run", *data, "--steps", 2, "--num", 2)
    assert idm(*others).code == 0
    restore = ("restore", "run", "two.npy", "--operator", "downsample:2", "--num", 1, "--steps", 2)
    assert idm(*restore, "--labels", "calm", "--condition", "two.npy").code == 0
    assert "the condition of each wanted" in idm(*restore, "--labels", "calm").errors[0]
    edited = idm("edit", "run", "held-out:0", "--label-b", "storm", "--steps", 2)
    assert edited.code == 0, edited.err
    np.save("sketch.npy", FINE[:2])
    sketch = ("edit", "run", "sketch.npy", "--label-b", "calm", "--steps", 2)
    assert "name it with --condition" in idm(*sketch).errors[0]
    assert idm(*sketch, "--condition", "two.npy").code == 0
    assert "one that is told conditions" in idm("encode", "run", "held-out:0").errors[0]
    refused = idm("train-classifier", "run", "--steps", 2)
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "a run that is told classes, or nothing, wanted, got one that is told conditions" in refused.errors[0]
    scored = idm("evaluate", "run", "--steps", 2, "--samples", 12, "--json")
    assert scored.code == 0, scored.err
    recognised = {one["name"]: one["note"] for one in scored.json["metrics"]["classifier"]}
    assert recognised["recognised"].startswith("of 12 samples")
    done = idm("report", "run", "--budget", 1000, "--sections", "samples,metrics")
    assert done.code == 0, done.err
    assert "left out" not in done.out
