"""Scoring from the command line: held-out data, or others."""

import json

import numpy as np
import pytest
from PIL import Image

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
    assert "1 sample, bound of 3 steps" in " ".join(result.out.split())


def test_people_are_told_of_a_bound_above_that_of_noise(idm, run, tmp_path):
    noise = np.random.default_rng(0).integers(0, 17, (8, 1, 8, 8)).astype(np.uint8)
    np.savez(
        tmp_path / "noise.npz", data=noise, labels=np.arange(8)
    )  # of which no model has fewer than log2(17) = 4.087 bits/dim on average
    result = idm("evaluate", run, "--data", tmp_path / "noise.npz", "--steps", "2", "--out", tmp_path / "scores")
    assert "the total is above 4.087, that of noise with all levels alike" in " ".join(result.out.split()), result.err


def test_people_are_told_which_arrays_of_other_data_are_not_read(idm, run, one, tmp_path):
    with np.load(one) as arrays:
        np.savez(tmp_path / "more.npz", **arrays, more=np.zeros(3))
    result = idm("evaluate", run, "--data", tmp_path / "more.npz", "--steps", "3", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "noted not read: more; data.source.key and" in " ".join(result.out.split())


def test_the_classifier_needs_the_run_s_own_data(idm, run, one, tmp_path):
    result = idm("evaluate", run, "--data", one, "--samples", "5", "--out", tmp_path / "out")
    assert result.code == 3
    assert "leave out --samples N or --data PATH" in result.errors[0]
    assert not (tmp_path / "out").exists()


def test_other_data_that_are_not_there(idm, run, tmp_path):
    result = idm("evaluate", run, "--data", tmp_path / "none.npy")
    assert result.code == 3
    assert len(result.errors) == 1
    assert "nothing there" in result.errors[0]


def test_a_cropped_run_with_a_list_is_trained_and_scored_on_other_data(idm, tiny, tmp_path):
    for folder, size in (("own", 20), ("other", 24)):
        (tmp_path / folder).mkdir()
        for number in range(8):
            Image.effect_noise((size, size), 60).save(tmp_path / folder / f"{number}.png")
    (tmp_path / "other" / "all.csv").write_text("path\n1.png\n5.png\n")
    (tmp_path / "held.txt").write_text("3.png\n7.png\n")
    options = tiny(data__random_crop=8, data__held_out_list=tmp_path / "held.txt")
    result = idm("train", "--data", tmp_path / "own", "--out", tmp_path / "run", *options)
    assert result.code == 0, result.err
    about = idm("info", tmp_path / "run", "--json").json["data"]
    assert (about["shape"], about["num_held_out"]) == ([1, 8, 8], 2)
    for arguments in ((), ("--data", tmp_path / "other" / "all.csv")):
        result = idm("evaluate", tmp_path / "run", *arguments, "--steps", "3", "--out", tmp_path / "out", "--json")
        assert result.code == 0, result.err
        assert result.json["num"] == 2


def test_a_list_and_a_folder_at_once_are_refused_in_a_line(idm, tmp_path):
    options = ("--set", "data.held_out_list=a.txt", "--set", "data.held_out_folder=b")
    result = idm("train", "--preset", "digits", "--out", tmp_path / "run", *options)
    assert result.code == 2
    assert len(result.errors) == 1
    assert "a list or a folder wanted, got both" in result.errors[0]


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_the_help_of_data_names_every_kind(idm, verb):
    said = idm(verb, "--help").out.lower()
    for kind in ("images", "csv", "tar", "npy", "npz", "hdf5", "zarr", "nifti", "tiff", "parquet", "hugging"):
        assert kind in said
