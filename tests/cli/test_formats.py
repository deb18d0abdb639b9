"""``--format``: samples leave in the format that the data came in, or in those that are named."""

import csv
import sys

import h5py
import nibabel
import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from idm.core.progress import SILENT
from idm.run import load
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..forging import POINTS

FEW = ("--num", 2, "--steps", 2, "--no-trajectory")


def exact(folder):
    with np.load(folder / "samples.npz") as arrays:
        return arrays["data"]


def test_points_of_a_csv_file_leave_as_one_with_its_columns(idm, others, tmp_path):
    result = idm("sample", others / "points", *FEW, "--seed", 3, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert result.json["csv"] == str(tmp_path / "out" / "samples.csv")
    with (tmp_path / "out" / "samples.csv").open() as file:
        names, *rows = csv.reader(file)
    assert names == ["east", "north", "seed"]
    assert [row[2] for row in rows] == ["3", "4"]
    np.testing.assert_array_equal(np.array([row[:2] for row in rows], float), exact(tmp_path / "out"))


def test_formats_that_are_named_replace_those_of_earlier_calls_and_nothing_else(idm, others, tmp_path):
    out = tmp_path / "out"
    (out / "nifti").mkdir(parents=True)
    (out / "nifti" / "scan.nii.gz").write_bytes(b"mine")
    assert idm("sample", others / "volumes", *FEW, "--out", out, "--format", "nifti,hdf5").code == 0
    volumes = [nibabel.load(out / "nifti" / f"0000{row}_seed{row}.nii.gz").get_fdata() for row in (0, 1)]
    np.testing.assert_array_equal(volumes, exact(out)[:, 0])
    with h5py.File(out / "samples.h5") as file:
        np.testing.assert_array_equal(file["data"][()], exact(out))
    assert idm("sample", others / "volumes", *FEW, "--out", out, "--format", "npz").code == 0
    left = sorted(path.name for path in out.rglob("*") if path.is_file() and path.suffix != ".json")
    assert left == ["grid.png", "samples.npz", "scan.nii.gz"]


def test_a_file_of_somebody_else_is_not_overwritten(idm, others, tmp_path):
    (tmp_path / "samples.h5").write_bytes(b"mine")
    result = idm("sample", others / "volumes", *FEW, "--out", tmp_path, "--format", "hdf5")
    assert result.code == 2
    assert "got samples.h5, which this program did not write" in result.err
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["samples.h5"]


@pytest.mark.parametrize(
    ("name", "words"), [("wav", "--format: for wav signals wanted"), ("nifty", "did you mean 'nifti'")]
)
def test_a_format_that_does_not_suit_is_refused_before_anything_is_drawn(idm, others, tmp_path, name, words):
    result = idm("sample", others / "volumes", *FEW, "--out", tmp_path / "out", "--format", name)
    (line,) = result.errors
    assert (result.code, words in line) == (2, True)
    assert not (tmp_path / "out").exists()


def test_what_is_decoded_and_what_is_saved_from_python_have_formats_too(idm, others, tmp_path):
    run = load(others / "volumes", device="cpu")
    np.save(tmp_path / "one.npy", np.load(others / "volumes.npy")[:1])
    codes = tmp_path / "codes.safetensors"
    assert idm("encode", others / "volumes", tmp_path / "one.npy", "--steps", 2, "--out", codes).code == 0
    result = idm("decode", others / "volumes", codes, "--format", "tiff", "--out", tmp_path / "decoded")
    assert result.code == 0, result.err
    assert [path.name for path in (tmp_path / "decoded" / "tiff").iterdir()] == ["00000.tif"]
    written = run.save(exact(tmp_path / "decoded"), tmp_path / "saved", formats=("netcdf",))
    assert written["netcdf"] == tmp_path / "saved" / "samples.nc"
    with h5py.File(written["netcdf"]) as file:
        np.testing.assert_array_equal(file["data"][()], exact(tmp_path / "decoded")[:, 0])


def test_pictures_lie_in_a_folder_for_each_class_which_goes_with_them(idm, run, tmp_path):
    out = tmp_path / "out"
    few = ("--num", 2, "--steps", 2, "--no-trajectory", "--labels", "3,7", "--seed", 5)
    result = idm("sample", run, *few, "--format", "png", "--out", out)
    assert result.code == 0, result.err
    assert sorted(path.relative_to(out).as_posix() for path in (out / "png").rglob("*.png")) == [
        "png/3/00000_seed5.png",
        "png/7/00001_seed6.png",
    ]
    for row, name in enumerate(("3/00000_seed5", "7/00001_seed6")):
        single = np.asarray(Image.open(out / "images" / f"0000{row}.png"))
        np.testing.assert_array_equal(np.asarray(Image.open(out / "png" / f"{name}.png")), single)
    assert idm("sample", run, *few, "--out", out).code == 0
    assert not (out / "png").exists()


def test_a_format_whose_package_is_missing_is_refused_if_named_and_else_left_out(idm, others, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    asked = idm("sample", others / "volumes", *FEW, "--out", tmp_path / "asked", "--format", "hdf5")
    (line,) = asked.errors
    assert (asked.code, "--format: the package h5py wanted" in line, "idm[hdf5]" in line) == (3, True, True)
    monkeypatch.setattr("idm.run.formats.usual_formats", lambda *_: ("hdf5",))
    usual = idm("sample", others / "volumes", *FEW, "--out", tmp_path / "usual")
    assert usual.code == 0
    assert "samples are written as npz alone" in usual.err
    assert (tmp_path / "usual" / "samples.npz").is_file()


@pytest.mark.parametrize("kind", ["csv", "parquet", "hdf5"])
def test_samples_are_read_by_the_run_that_drew_them_as_its_data_were(idm, tmp_path, kind):
    points, severity = np.random.default_rng(0).normal(size=(20, 2)), np.array(["mild", "severe"])[np.arange(20) % 2]
    if kind == "hdf5":
        with h5py.File(tmp_path / "own.h5", "w") as file:
            file["waves"], file["other"], file["severity"] = points, points, severity.astype("S")
        source = {"name": "hdf5", "path": str(tmp_path / "own.h5"), "key": "waves", "labels_key": "severity"}
    else:
        table = pyarrow.table({"u": points[:, 0], "v": points[:, 1], "severity": severity})
        write = {"csv": pyarrow.csv.write_csv, "parquet": pyarrow.parquet.write_table}[kind]
        write(table, tmp_path / f"own.{kind}")
        name = {"csv": "numeric_csv", "parquet": "table"}[kind]
        source = {"name": name, "path": str(tmp_path / f"own.{kind}"), "label_column": "severity"}
    settings = {**POINTS, "data": {"source": source, "held_out": 4}}
    train(from_plain(Experiment, settings), tmp_path / "run", device="cpu", listener=SILENT)
    drawn = idm("sample", tmp_path / "run", "--num", 4, "--steps", 2, "--out", tmp_path / "out", "--json")
    assert drawn.code == 0, drawn.err
    scored = idm("evaluate", tmp_path / "run", "--data", drawn.json[kind], "--out", tmp_path / "scores")
    assert scored.code == 0, scored.err
    with (tmp_path / "scores" / "scores.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
