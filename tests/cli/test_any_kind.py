"""Files of kinds that training reads, as inputs of what changes samples."""

import h5netcdf
import nibabel
import numpy as np
import pytest
from astropy.io import fits

from idm.core.progress import SILENT
from idm.core.text import in_counts
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..forging import POINTS
from .restored import UNET, make_others, opened


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    """A folder with runs, one of signals of two leads."""
    folder = tmp_path_factory.mktemp("kinds")
    make_others(folder)
    return folder


def test_what_training_reads_is_edited_as_the_same_values_in_an_array(idm, signals, tmp_path):
    h5py = pytest.importorskip("h5py")
    values = np.load(signals / "signals.npy")[:3]
    np.save(tmp_path / "some.npy", values)
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file["data"] = values
    drawn = []
    for name in ("some.npy", "some.h5"):
        done = idm("edit", signals / "signals", tmp_path / name, "--steps", 3, "--out", tmp_path / f"{name}-out")
        assert done.code == 0, done.err
        drawn.append(opened(tmp_path / f"{name}-out")["data"])
    np.testing.assert_array_equal(*drawn)
    verb = ("--operator", "channels:0", "--steps", 3, "--num", 2, "--out", tmp_path / "restored")
    restored = idm("restore", signals / "signals", tmp_path / "some.h5", *verb)
    assert restored.code == 0, restored.err
    np.testing.assert_array_equal(opened(tmp_path / "restored")["mean"][:, 0], values[:, 0])
    (tmp_path / "notes.txt").write_text("none")
    refused = idm("encode", signals / "signals", tmp_path / "notes.txt")
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert all(kind in refused.errors[0] for kind in (".npy", ".wav", ".nc", ".edf"))


OTHER_NUMBERS = [(7, "f4", True), (7.5, "f4", False), (7, "i4", False), (7, "u1", True), (7, "u2", True)]


@pytest.mark.parametrize(("number", "kind", "is_read"), OTHER_NUMBERS)
def test_numbers_of_types_that_may_mean_something_else_are_refused(idm, signals, tmp_path, number, kind, is_read):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "some.h5", "w") as file:  # of a run on 16-bit pictures
        file["data"] = np.full((2, 1, 8, 8), number).astype(kind)
    np.save(tmp_path / "hole.npy", np.arange(64).reshape(1, 8, 8) < 9)
    verb = ("restore", signals / "deep", tmp_path / "some.h5", "--operator", f"mask:{tmp_path / 'hole.npy'}")
    done = idm(*verb, "--steps", 2, "--num", 1, "--out", tmp_path / "out")
    assert done.code == (0 if is_read else 3), done.err
    if not is_read:
        assert "uint16 values wanted, as the run was trained on, got" in done.errors[0]


def write_field(path, values, **attributes):
    """Write fields in time, packed to steps of 0.01 where attributes say so."""
    with h5netcdf.File(path, "w") as file:
        file.dimensions = dict(zip(("time", "lat", "lon"), values.shape, strict=True))
        variable = file.create_variable("heat", ("time", "lat", "lon"), values.dtype)
        variable[:] = values
        variable.attrs.update(attributes)


def test_missing_values_of_a_file_are_holes(idm, tmp_path):
    values = np.random.default_rng(0).normal(15, 2, (12, 8, 8)).astype("f4")
    write_field(tmp_path / "whole.nc", values)
    source = {"name": "netcdf", "path": str(tmp_path / "whole.nc")}
    settings = {**POINTS, "network": UNET, "data": {**POINTS["data"], "source": source}}
    train(from_plain(Experiment, settings), tmp_path / "run", device="cpu", listener=SILENT)
    is_gap = np.zeros((2, 8, 8), dtype=bool)
    is_gap[:, 2:5, 3:7] = True
    steps = np.where(is_gap, -32768, np.rint(values[:2] / 0.01)).astype("i2")
    write_field(tmp_path / "gaps.nc", steps, scale_factor=0.01, _FillValue=np.int16(-32768))
    verb = ("restore", tmp_path / "run", tmp_path / "gaps.nc", "--operator", "mask", "--method", "ddnm", "--steps", 3)
    done = idm(*verb, "--num", 2, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    mean, std = (opened(tmp_path / "out")[name].reshape(2, 8, 8) for name in ("mean", "std"))
    np.testing.assert_allclose(mean[~is_gap], values[:2][~is_gap], atol=0.0051)  # half of a step
    assert (std[~is_gap] == 0).all()
    assert (std[is_gap] > 0).mean() > 0.5  # both draws of some may be clipped
    with h5netcdf.File(tmp_path / "out" / "restored" / "gaps-mean.nc") as file:
        np.testing.assert_allclose(file.variables["heat"][:], mean, rtol=1e-6)
    refused = idm(*verb[:3], "--operator", "downsample:1", "--out", tmp_path / "out")
    assert (refused.code, len(refused.errors)) == (3, 1)


def nifti_in_time(path, values):
    nibabel.save(nibabel.Nifti1Image(np.moveaxis(values, 0, -1), np.eye(4)), path)


def cube(path, values):
    fits.writeto(path, values)


@pytest.mark.parametrize(
    ("name", "ending", "write", "samples"),
    [("nifti", ".nii", nifti_in_time, "last"), ("fits", ".fits", cube, "planes"), ("arrays", ".npy", np.save, None)],
)
def test_other_files_are_divided_into_samples_as_the_own_ones(idm, tmp_path, name, ending, write, samples):
    values = np.random.default_rng(0).normal(size=(12, 8, 8)).astype("f4")
    for file in ("own", "other"):
        write(tmp_path / f"{file}{ending}", values)
    source = {"name": name, "path": str(tmp_path / f"own{ending}"), **({"samples": samples} if samples else {})}
    settings = {**POINTS, "network": UNET, "data": {**POINTS["data"], "source": source}}
    run = train(from_plain(Experiment, settings), tmp_path / "run", device="cpu", listener=SILENT)
    evaluated = idm("evaluate", tmp_path / "run", "--data", tmp_path / f"other{ending}", "--budget", 4, "--json")
    assert evaluated.code == 0, evaluated.err
    assert "12 " in evaluated.err + evaluated.out
    np.testing.assert_allclose(run.read(tmp_path / f"other{ending}").data.reshape(12, 8, 8), values, atol=1e-6)


def test_a_run_that_filled_gaps_fills_those_of_other_files_and_says_so(idm, tmp_path):
    values = np.random.default_rng(0).normal(size=(8, 8, 8, 12)).astype("f4")
    values[:2] = np.nan
    (tmp_path / "volumes").mkdir()
    for row in range(12):
        nibabel.save(nibabel.Nifti1Image(values[..., row], np.eye(4)), tmp_path / "volumes" / f"{row}.nii")
    source = {"name": "nifti", "path": str(tmp_path / "volumes"), "missing": "fill", "fill": -1.0}
    settings = {**POINTS, "network": UNET, "data": {**POINTS["data"], "source": source}}
    run = train(from_plain(Experiment, settings), tmp_path / "run", device="cpu", listener=SILENT)
    filled = np.nan_to_num(values[..., 3], nan=-1.0)
    np.save(tmp_path / "3.npy", values[..., 3])
    for file in (tmp_path / "volumes" / "3.nii", tmp_path / "3.npy"):
        done = idm("encode", tmp_path / "run", file, "--steps", 2, "--out", tmp_path / f"{file.name}.safetensors")
        assert done.code == 0, done.err
        assert "25 % of the values are missing, filled with -1 as in training; idm restore draws them" in done.err
        np.testing.assert_allclose(run.read(file).data[0], filled, atol=1e-6)


def test_long_lists_of_classes_are_counted():
    assert in_counts(["a", "b", "a"]) == "a, b, a"
    assert in_counts(["no class"] * 338) == "338 of no class"
    assert in_counts(["b"] + ["a"] * 16) == "16 of a, 1 of b"
