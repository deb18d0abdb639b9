"""``idm evaluate`` without a run: samples of anybody's beside real data."""

import json
import shlex
import shutil

import numpy as np
import pytest

from idm.data import SOURCES


@pytest.fixture
def places(tmp_path):
    source = SOURCES.build("digits", {})
    digits = source.read(np.random.default_rng(0).permutation(len(source)))
    np.savez(tmp_path / "samples.npz", arr_0=digits[:60].transpose(0, 2, 3, 1))
    np.savez(tmp_path / "real.npz", arr_0=digits[60:300].transpose(0, 2, 3, 1))
    return "--from", tmp_path / "samples.npz", "--against", tmp_path / "real.npz"


def test_samples_are_compared_with_data_and_nothing_is_written_without_a_folder(idm, places, tmp_path):
    before = set(tmp_path.iterdir())
    result = idm("evaluate", *places, "--metrics", "values,kid")
    assert result.code == 0, result.err
    said = " ".join(result.out.split())
    assert "samples 60 of 60, beside 120 real" in said
    assert "real data" in said
    assert "worse than chance explains" in said
    assert set(tmp_path.iterdir()) == before
    result = idm("evaluate", *places, "--metrics", "values", "--out", tmp_path / "out", "--json")
    assert result.json["results"] == str(tmp_path / "out" / "evaluation.json")
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["metrics"] == result.json["metrics"]
    assert written["features"]["name"] == "pca"


def test_statistics_are_kept_and_compared_with(idm, places, tmp_path):
    kept = tmp_path / "statistics.safetensors"
    result = idm("evaluate", *places[2:], "--save-reference", kept, "--features", "pca:5")
    assert result.code == 0, result.err
    assert str(kept) in result.out
    result = idm("evaluate", *places[:2], "--against", kept, "--metrics", "frechet", "--json")
    assert result.code == 0, result.err
    assert [figure["name"] for figure in result.json["metrics"]["frechet"]] == ["frechet", "frechet_moments"]
    assert result.json["features"]["num"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--samples 20", "--samples: a run that it is of wanted, got none; give RUN too, or leave it out"),
        ("--target-se 0.1", "--target-se: a run that it is of wanted"),
        ("--data other", "--data: a run that it is of wanted"),
        ("--metrics spectrum,flow", "--metrics flow: a metric of samples beside real data wanted"),
        ("--set held_out=3", "data.held_out: a setting of how data are read wanted"),
        ("--save-reference here.npz", "--save-reference here.npz: a file name ending in .safetensors wanted"),
        ("--features none.pt", "--features none.pt: a network in a file"),
    ],
)
def test_what_needs_a_run_or_cannot_be_is_told_in_a_line(idm, places, options, said):
    result = idm("evaluate", *places, *shlex.split(options))
    assert result.code in (2, 3)
    assert len(result.errors) == 1
    assert said in result.errors[0]


def test_one_of_a_run_and_of_data_is_wanted(idm, run, places):
    result = idm("evaluate", run, *places)
    assert (result.code, len(result.errors)) == (2, 1)
    assert "--from: no RUN wanted beside it, got one" in result.errors[0]
    result = idm("evaluate", *places[:2])
    assert result.code == 2
    assert "got no --against PATH beside --from" in result.errors[0]


def test_the_classifier_of_a_run_says_what_is_compared(idm, run, places, tmp_path):
    judged = shutil.copytree(run, tmp_path / "judged")
    result = idm("evaluate", judged, "--samples", "20", "--metrics", "kid", "--features", "classifier")
    assert (result.code, len(result.errors)) == (2, 1)
    assert "idm train-classifier" in result.errors[0]
    assert idm("train-classifier", judged, "--steps", "2", "--batch-size", "8").code == 0
    wanted = ("--metrics", "kid", "--json", "--features")
    ours = idm("evaluate", judged, "--samples", "20", "--sampler-steps", "2", *wanted, "classifier")
    assert ours.code == 0, ours.err
    theirs = idm("evaluate", *places, *wanted, f"classifier:{judged}")
    assert theirs.code == 0, theirs.err
    told = ours.json["features"], theirs.json["features"]
    assert told[0]["name"] == told[1]["name"] == "classifier"
    assert told[0]["sha256"] == told[1]["sha256"]
    assert len(told[0]["sha256"]) == 64
    held_out = idm("info", judged, "--json").json["data"]["num_held_out"]
    assert f"20 samples and {held_out - 20:,} real" in ours.json["metrics"]["kid"][0]["note"]


def test_samples_of_a_run_are_compared_from_their_folder(idm, run, places, tmp_path):
    drawn = idm("sample", run, "--num", "20", "--steps", "2", "--no-trajectory", "--out", tmp_path / "drawn")
    assert drawn.code == 0, drawn.err
    result = idm("evaluate", "--from", tmp_path / "drawn", *places[2:], "--metrics", "values", "--json")
    assert result.code == 0, result.err
    assert result.json["num"] == 20
    assert result.json["metrics"]["values"][0]["value"] > 0


def test_what_is_told_of_samples_suits_them_and_the_advice_works(idm, places, tmp_path):
    few = tmp_path / "few.npz"
    np.savez(few, arr_0=np.full((30, 8, 8, 1), 3, np.uint8))
    result = idm("evaluate", "--from", few, *places[2:], "--features", "values", "--metrics", "frechet")
    assert "--from: 30 samples given, more than the 64 features wanted for --metrics frechet" in result.errors[0]
    numbers = np.random.default_rng(0).integers(0, 9, (40, 8, 8, 1))
    np.savez(tmp_path / "real.npz", arr_0=numbers)
    np.savez(tmp_path / "other.npz", arr_0=3 * numbers)
    wanted = ("--from", tmp_path / "other.npz", "--against", tmp_path / "real.npz", "--metrics", "values")
    result = idm("evaluate", *wanted)
    assert result.code == 3
    advice = result.errors[0].rpartition(", or give ")[2]
    assert advice == "--set data.range=0,24"
    assert idm("evaluate", *wanted, *advice.split()).code == 0
    np.savez(tmp_path / "real.npz", arr_0=numbers / 9)
    np.savez(tmp_path / "other.npz", arr_0=numbers * 9.0)
    said = " ".join(idm("evaluate", *wanted).out.split())
    assert "lie far outside of the range of the real data, 0 to 0.888889, and may be in other units" in said
