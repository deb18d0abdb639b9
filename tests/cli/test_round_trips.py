"""Each kind of data is trained on and sampled, and the samples are opened with the format's own library."""

import gzip

import edfio
import nibabel
import numpy as np
import pyarrow
import pytest
import tifffile
import zarr
from astropy.io import fits
from pyarrow import parquet

from .. import dicoms
from ..edfs import edf_of
from ..unit.data.test_metadata_of_dicom import CT
from ..unit.data.test_metadata_of_images import SKY, sky

FEW = ("--num", 2, "--steps", 2, "--no-trajectory")


def of_fits(folder):
    for number in range(8):
        sky(folder / f"{number}.fits", np.random.default_rng(number).normal(size=(8, 8)).astype(np.float32))

    def check(out, exact):
        for row in range(2):
            place = out / f"fits/0000{row}_seed{row}.fits"
            header, data = fits.getheader(place), fits.getdata(place)
            np.testing.assert_array_equal(data, exact[row].reshape(8, 8))
            assert data.dtype.newbyteorder("=") == np.float32
            assert {name: header[name] for name in SKY} == SKY

    return folder, (), check


def of_tiff(folder):
    pixels = np.random.default_rng(0).integers(0, 4_000, (8, 5, 8, 8)).astype(np.uint16)
    for number, values in enumerate(pixels):
        options = {"resolution": ((3, 2), (5, 4)), "resolutionunit": 3, "metadata": {"axes": "CYX"}}
        tifffile.imwrite(folder / f"{number}.tif", values, photometric="minisblack", **options)

    def check(out, exact):
        with tifffile.TiffFile(out / "tiff/00000_seed0.tif") as file:
            np.testing.assert_array_equal(file.asarray(), exact[0])
            assert (file.series[0].axes, file.series[0].dtype) == ("CYX", np.uint16)
            assert file.pages[0].tags[282].value == (3, 2)

    return folder, ("--set", "data.source.name=tiff"), check


def of_dicom(folder):
    for volume in range(4):
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 4_096, (8, 8)).astype(np.uint16)
            place = {"ImagePositionPatient": [0, 0, 2.5 * number], "SeriesInstanceUID": f"1.2.{volume + 1}"}
            dicoms.write(folder / str(volume) / f"{number}.dcm", pixels, **CT, **place)

    def check(out, exact):
        image = nibabel.load(out / "nifti/00000_seed0.nii.gz")
        assert image.header.get_zooms() == (0.75, 0.5, 2.5)
        np.testing.assert_array_equal(np.asanyarray(image.dataobj), exact[0].reshape(4, 8, 8).transpose(2, 1, 0))
        assert -1_024 <= exact.min() <= exact.max() <= 3_071

    return folder, ("--set", "data.source.samples=volumes"), check


def of_edf(folder):
    values = np.random.default_rng(0).integers(-(2**15), 2**15, (2, 160)).astype(np.int16)
    (folder / "a.edf").write_bytes(edf_of(values))

    def check(out, exact):
        first, second = edfio.read_edf(out / "edf/00000_seed0.edf").signals
        assert (first.label, second.label, first.physical_dimension, first.sampling_frequency) == ("s0", "s1", "mV", 10)
        np.testing.assert_allclose([first.data, second.data], exact[0].T, atol=0.051)  # half a step of 0.1 mV

    return folder / "a.edf", ("--set", "data.source.window=16"), check


def of_zarr(folder):
    group = zarr.open_group(str(folder / "a.zarr"), mode="w")
    group.create_array("x", data=np.random.default_rng(0).integers(0, 900, (8, 1, 8, 8)).astype(np.uint16))

    def check(out, exact):
        np.testing.assert_array_equal(zarr.open(out / "samples.zarr", mode="r")["data"][...], exact)

    return folder / "a.zarr", (), check


def of_idx(folder):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8)).astype(np.uint8)
    head = b"\0\0\x08\x03" + np.array([8, 8, 8], ">u4").tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels.tobytes()))

    def check(out, exact):
        content = (out / "idx/samples-images-idx3-ubyte").read_bytes()
        assert content[:16] == b"\0\0\x08\x03" + np.array([2, 8, 8], ">u4").tobytes()
        np.testing.assert_array_equal(np.frombuffer(content, np.uint8, offset=16), exact.reshape(-1))

    return folder / "train-images-idx3-ubyte.gz", (), check


def of_table(folder):
    values = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    parquet.write_table(pyarrow.table({"data": values.tolist()}), folder / "a.parquet")

    def check(out, exact):
        table = parquet.read_table(out / "samples.parquet")
        np.testing.assert_array_equal(table["data"].to_pylist(), exact)
        assert table["seed"].to_pylist() == [0, 1]

    return folder / "a.parquet", ("--set", "data.source.channels=none"), check


@pytest.mark.slow
@pytest.mark.parametrize("make", [of_fits, of_tiff, of_dicom, of_edf, of_zarr, of_idx, of_table])
def test_samples_leave_as_the_data_came_in(idm, tiny, tmp_path, make):
    (tmp_path / "data").mkdir()
    path, told, check = make(tmp_path / "data")
    options = tiny(training__num_steps=2, training__save_interval=2, training__sample_interval=100)
    trained = idm("train", "--data", path, "--out", tmp_path / "run", *told, *options)
    assert trained.code == 0, trained.err
    sampled = idm("sample", tmp_path / "run", *FEW, "--out", tmp_path / "out")
    assert sampled.code == 0, sampled.err
    with np.load(tmp_path / "out" / "samples.npz") as arrays:
        check(tmp_path / "out", arrays["data"])
