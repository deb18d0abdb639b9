"""A raster that is larger than a model is trained on, checked and scored in patches."""

import csv
import math

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def rasters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rasters")
    for number in range(2):
        values = np.random.default_rng(number).integers(0, 250, (40 + 8 * number, 64)).astype(np.uint8)
        np.save(folder / f"{number}.npy", values)
    Image.fromarray(np.load(folder / "0.npy")).save(folder / "0.png")
    return folder


PATCHES = ("--set", "data.patch_size=8", "--set", "data.source.samples=whole", "--set", "data.source.channels=none")


@pytest.fixture(scope="module")
def patched(idm, tiny, rasters, tmp_path_factory):
    run = tmp_path_factory.mktemp("patched") / "run"
    result = idm("train", "--data", rasters / "0.npy", "--out", run, *PATCHES, *tiny())
    assert result.code == 0, result.err
    assert "of 40 groups (data.patch_size) are held out" in " ".join((result.out + result.err).split())
    return run


def scores(idm, run, *arguments):
    result = idm("evaluate", run, "--steps", "3", *arguments)
    assert result.code == 0, result.err
    return list(csv.DictReader((run / "evaluated" / "scores.csv").open()))


def test_the_bound_of_every_patch_is_told_with_its_place(idm, patched):
    rows = scores(idm, patched)
    assert len(rows) == 4  # a tenth of 5 x 8
    for row in rows:
        y, x = int(row["y"]), int(row["x"])
        assert row["name"] == f"[{y}:{y + 8},{x}:{x + 8}]"
        assert (y % 8, x % 8) == (0, 0)
        assert math.isfinite(float(row["bits_per_dim"]))


def test_another_raster_is_scored_in_patches_of_the_same_size(idm, patched, rasters):
    rows = scores(idm, patched, "--data", rasters / "1.npy")
    assert sorted((int(row["y"]), int(row["x"])) for row in rows) == [
        (y, x) for y in range(0, 48, 8) for x in range(0, 64, 8)
    ]


def test_samples_are_patches(idm, patched, tmp_path):
    result = idm("sample", patched, "--num", "2", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert np.load(tmp_path / "out" / "samples.npz")["data"].shape == (2, 8, 8)


def test_pictures_that_are_cut_keep_their_size(idm, rasters, tmp_path):
    (tmp_path / "pictures").mkdir()
    large = Image.open(rasters / "0.png").resize((640, 400))
    for number in range(2):
        large.save(tmp_path / "pictures" / f"{number}.png")
    result = idm("check-data", tmp_path / "pictures", "--set", "patch_size=[8,16]", "--json")
    assert result.code == 0, result.err
    assert [file["conversions"] for file in result.json["files"]] == [[], []]
