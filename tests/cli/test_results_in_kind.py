"""Results of kinds of files that no picture or array is: the library of each reads values, and what the file said."""

import struct

import h5netcdf
import numpy as np
import pytest

from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..dicoms import write
from ..forging import POINTS
from .restored import AFFINE, SHORT, UNET, grey, opened

RNG = np.random.default_rng(0)


def restore_left(idm, run, file, folder):
    """Restore the left half of images, and return where the results are."""
    grey(folder / "hole.png")
    verb = ("restore", run, file, "--operator", f"mask:{folder / 'hole.png'}", "--method", "ddnm", *SHORT)
    done = idm(*verb, "--out", folder / "o")
    assert done.code == 0, done.err
    return folder / "o" / "restored"


def test_bytes_of_pictures_in_an_idx_file_come_back_in_such_a_file(idm, others, tmp_path):
    values = np.load(others / "rgb.npy")[:2]
    file, head = tmp_path / "own-images-idx4-ubyte", struct.pack(">HBB4I", 0, 8, 4, *values.shape)
    file.write_bytes(head + values.tobytes())
    restored = restore_left(idm, others / "rgb", file, tmp_path)
    ends = {"00": "ubyte", "01": "ubyte", "mean": "float.idx", "std": "float.idx"}
    names = {what: f"{file.name}-{what}-images-idx4-{end}" for what, end in ends.items()}
    assert {path.name for path in restored.iterdir()} == {*names.values()}
    contents = {what: (restored / name).read_bytes() for what, name in names.items()}
    assert contents["01"][:20] == head
    assert contents["mean"][:20] == struct.pack(">HBB4I", 0, 0x0D, 4, *values.shape)  # floats of 32 bits
    draw, mean, std = (
        np.frombuffer(contents[what], kind, offset=20).reshape(values.shape)
        for what, kind in (("01", "u1"), ("mean", ">f4"), ("std", ">f4"))
    )
    np.testing.assert_array_equal(draw, opened(tmp_path / "o")["data"][:, 1])
    np.testing.assert_array_equal(mean, opened(tmp_path / "o")["mean"])
    np.testing.assert_array_equal(draw[..., 4:], values[..., 4:])
    assert (std[..., 4:].max(), std[..., :4].min() >= 0, std.max() > 0) == (0, True, True)


def test_a_dicom_file_comes_back_as_nifti_with_its_distances(idm, others, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    values = np.load(others / "deep.npy")[0, 0]
    write(tmp_path / "own.dcm", values, PixelSpacing=[0.5, 0.75])
    back = nibabel.load(restore_left(idm, others / "deep", tmp_path / "own.dcm", tmp_path) / "own-00.nii.gz")
    np.testing.assert_array_equal(np.squeeze(back.dataobj)[4:], values.T[4:])  # columns come first
    assert back.header.get_zooms()[:2] == (0.75, 0.5)  # between columns, and between rows


def test_volumes_in_a_file_of_another_kind_than_their_mask_come_back_in_their_own(idm, others, tmp_path):
    h5py, nibabel = pytest.importorskip("h5py"), pytest.importorskip("nibabel")
    values = np.load(others / "volumes.npy")[:2]
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["data"] = values
    hidden = np.zeros(values.shape[2:], dtype=np.uint8)
    hidden[:4] = 1
    nibabel.save(nibabel.Nifti1Image(hidden, AFFINE), tmp_path / "hole.nii")
    verb = ("restore", others / "volumes", tmp_path / "own.h5", "--operator", f"mask:{tmp_path / 'hole.nii'}")
    assert idm(*verb, "--method", "ddnm", *SHORT, "--out", tmp_path / "o").code == 0
    names = [f"own-{what}.h5" for what in ("00", "01", "mean", "std")]
    assert sorted(path.name for path in (tmp_path / "o" / "restored").iterdir()) == names
    with h5py.File(tmp_path / "o" / "restored" / "own-01.h5") as file:
        np.testing.assert_array_equal(file["data"][:], opened(tmp_path / "o")["data"][:, 1])
        np.testing.assert_array_equal(file["data"][:, :, 4:], values[:, :, 4:])


def test_fields_have_the_coordinates_of_their_file_and_held_out_ones_those_of_the_data(idm, tmp_path):
    north = np.linspace(60, 53, 8)
    with h5netcdf.File(tmp_path / "fields.nc", "w") as file:
        file.dimensions = {"time": 12, "lat": 8, "lon": 8}
        heat = file.create_variable("heat", ("time", "lat", "lon"), data=RNG.normal(15, 2, (12, 8, 8)).astype("f4"))
        heat.attrs["units"] = "degC"
        file.create_variable("lat", ("lat",), data=north).attrs["units"] = "degrees_north"
        file.create_variable("time", ("time",), data=6 * np.arange(12)).attrs["units"] = "hours since 2000-01-01"
    source = {"name": "netcdf", "path": str(tmp_path / "fields.nc")}
    settings = {**POINTS, "network": UNET, "data": {**POINTS["data"], "source": source}}
    train(from_plain(Experiment, settings), tmp_path / "run", device="cpu", listener=SILENT)
    verb = ("restore", tmp_path / "run", "held-out:0-1", "--simulate", "--operator", "downsample:2", "--noise", 0.1)
    assert idm(*verb, *SHORT, "--out", tmp_path / "o").code == 0
    parts = {"00": opened(tmp_path / "o")["data"][:, 0], "mean": opened(tmp_path / "o")["mean"]}
    for what, wanted in parts.items():
        with h5netcdf.File(tmp_path / "o" / "restored" / f"held-out-{what}.nc") as file:
            np.testing.assert_allclose(file["heat"][...], wanted.reshape(2, 8, 8), rtol=1e-6)
            assert (file["heat"].attrs["units"], file["lat"].attrs["units"]) == ("degC", "degrees_north")
            np.testing.assert_array_equal(file["lat"][...], north)
            assert file["heat"].dimensions == ("sample", "lat", "lon")
    verb = ("edit", tmp_path / "run", tmp_path / "fields.nc", "--strength", 0.5, "--steps", 3, "--out", tmp_path / "e")
    assert idm(*verb).code == 0
    with h5netcdf.File(next((tmp_path / "e" / "restored").glob("fields-mean*"))) as file:
        assert file["heat"].dimensions == ("time", "lat", "lon")
        assert file["time"].attrs["units"] == "hours since 2000-01-01"
        np.testing.assert_array_equal(file["time"][...], 6 * np.arange(12))
    coarse = RNG.normal(15, 1, (2, 4, 4)).astype("f4")
    with h5netcdf.File(tmp_path / "coarse.nc", "w") as file:
        file.dimensions = {"time": 2, "lat": 4, "lon": 4}
        file.create_variable("heat", ("time", "lat", "lon"), data=coarse)
    verb = (
        "restore",
        tmp_path / "run",
        tmp_path / "coarse.nc",
        "--operator",
        "downsample:2",
        "--method",
        "ddnm",
        *SHORT,
    )
    finer = idm(*verb, "--out", tmp_path / "f")
    assert finer.code == 0, finer.err
    means = opened(tmp_path / "f")["mean"].reshape(2, 4, 2, 4, 2).mean((2, 4))
    np.testing.assert_allclose(means, coarse, atol=1e-4)  # without noise means agree with what was seen
    with h5netcdf.File(tmp_path / "f" / "restored" / "coarse-mean.nc") as file:
        np.testing.assert_array_equal(file["lat"][...], north)  # the file tells no places of so many values
