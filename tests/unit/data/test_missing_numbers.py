"""NaN in arrays of plain numbers: refused, filled or skipped, and always there to be restored."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest
import tifffile
import zarr
from astropy.io import fits

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.data.arrays.measured import MeasuredSource
from idm.data.patches import Patches

GAPPY = 2
"""Number of the sample that misses values."""


def numbers() -> np.ndarray:
    """Seven samples of 6 x 8, of which one has three gaps."""
    x = np.random.default_rng(0).normal(size=(7, 6, 8)).astype(np.float32)
    x[GAPPY, 1, 2:5] = np.nan
    return x


def _npz(folder: Path, x: np.ndarray) -> Path:
    np.savez(folder / "a.npz", x=x, y=np.arange(len(x)), station=np.arange(len(x)) // 2)
    return folder / "a.npz"


def _npy(folder: Path, x: np.ndarray) -> Path:
    np.save(folder / "a.npy", x)
    return folder / "a.npy"


def _hdf5(folder: Path, x: np.ndarray) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"] = x.astype(">f4")
    return folder / "a.h5"


def _zarr(folder: Path, x: np.ndarray) -> Path:
    zarr.create_array(str(folder / "a.zarr"), data=x)
    return folder / "a.zarr"


def _npy_files(folder: Path, x: np.ndarray) -> Path:
    for row, sample in enumerate(x):
        np.save(folder / f"{row}.npy", sample)
    return folder


def _niftis(folder: Path, x: np.ndarray) -> Path:
    for row, sample in enumerate(x):
        nibabel.save(nibabel.Nifti1Image(sample, np.eye(4)), folder / f"{row}.nii")
    return folder


def _packed_niftis(folder: Path, x: np.ndarray) -> Path:
    for row, sample in enumerate(x):
        nibabel.save(nibabel.Nifti1Image(sample, np.eye(4)), folder / f"{row}.nii.gz")
    return folder


def _nifti_in_time(folder: Path, x: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(np.moveaxis(x, 0, -1), np.eye(4)), folder / "a.nii")
    return folder / "a.nii"


def _tiffs(folder: Path, x: np.ndarray) -> Path:
    for row, sample in enumerate(x):
        tifffile.imwrite(folder / f"{row}.tif", sample, photometric="minisblack")
    return folder


FIRST = {"channels": "none"}
KINDS: Mapping[str, tuple[str, Callable[[Path, np.ndarray], Path], Mapping[str, Any]]] = {
    "npz": ("arrays", _npz, FIRST),
    "npy": ("arrays", _npy, FIRST),
    "hdf5": ("hdf5", _hdf5, FIRST),
    "zarr": ("zarr", _zarr, FIRST),
    "npy files": ("array_folder", _npy_files, FIRST),
    "nifti": ("nifti", _niftis, {}),
    "nifti, packed": ("nifti", _packed_niftis, {}),
    "nifti, along the last axis": ("nifti", _nifti_in_time, {"samples": "last"}),
    "tiff": ("tiff", _tiffs, {}),
}


def opened(kind: str, folder: Path, x: np.ndarray, given: Mapping[str, Any] | None = None, **options: Any) -> Any:
    name, write, usual = KINDS[kind]
    return SOURCES.build(name, {"path": str(write(folder, x)), **usual, **options}, **(given or {}))


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_refused_by_sample_and_share_with_a_way_out(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got 6\.2% missing in sample 2; set data\.source\.missing=skip") as caught:
        opened(kind, tmp_path, numbers())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_filled_where_that_is_asked_for_and_told_where_they_are_restored(kind: str, tmp_path: Path) -> None:
    source, x = opened(kind, tmp_path, numbers(), missing="fill", fill=-0.5), numbers()
    assert isinstance(source, MeasuredSource)
    rows = np.array([2, 0, 6])
    np.testing.assert_array_equal(source.read(rows)[:, 0], np.nan_to_num(x[rows], nan=-0.5))
    np.testing.assert_array_equal(source.read_with_gaps(rows)[:, 0], x[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_samples_with_gaps_are_skipped_where_that_is_asked_for_and_counted(kind: str, tmp_path: Path) -> None:
    source, x = opened(kind, tmp_path, numbers(), missing="skip"), np.delete(numbers(), GAPPY, axis=0)
    np.testing.assert_array_equal(source.read(np.arange(6))[:, 0], x)
    windows = source.read_windows(4, np.array([[2, 3], [0, 1]]), (3, 4))
    np.testing.assert_array_equal(windows[:, 0], [x[4, 2:5, 3:7], x[4, :3, 1:5]])
    assert any("1 of 7 samples are not read, since values are missing" in remark for remark in source.remarks)
    assert source.names is not None
    assert [name.removesuffix(".gz").split(".")[0] for name in source.names] == ["0", "1", "3", "4", "5", "6"]


def test_labels_and_other_arrays_are_those_of_the_samples_that_are_kept(tmp_path: Path) -> None:
    source = opened("npz", tmp_path, numbers(), missing="skip")
    assert source.class_names == ("0", "1", "3", "4", "5", "6")
    np.testing.assert_array_equal(source.labels, np.arange(6))
    stations = source.beside.read("group_by", "station", 6)
    np.testing.assert_array_equal(stations.astype(int), [0, 0, 1, 2, 2, 3])


@pytest.mark.parametrize("kind", KINDS)
def test_of_patches_those_with_gaps_are_skipped(kind: str, tmp_path: Path) -> None:
    source = opened(kind, tmp_path, numbers(), {"in_patches": True}, missing="skip")
    patches, x = Patches(source, size=(3, 4), stride=(3, 4)), numbers()
    cut = x.reshape(7, 2, 3, 2, 4).swapaxes(2, 3).reshape(28, 3, 4)
    whole = cut[~np.isnan(cut).any((1, 2))]
    np.testing.assert_array_equal(patches.read(np.arange(len(patches)))[:, 0], whole)
    assert len(whole) == 26


@pytest.mark.parametrize("kind", ["npy", "nifti"])
def test_infinity_is_refused_whatever_becomes_of_gaps(kind: str, tmp_path: Path) -> None:
    x = numbers()
    x[5, 0, 0] = np.inf
    with pytest.raises(DataError, match="finite numbers wanted, got NaN or infinity in sample 5"):
        opened(kind, tmp_path, x, missing="fill")


def test_complex_numbers_have_gaps_in_both_parts(tmp_path: Path) -> None:
    x = numbers() * (1 - 2j)
    source = opened("npy", tmp_path, x, missing="fill", fill=0.25)
    filled = np.where(np.isnan(x), 0.25, x)
    np.testing.assert_allclose(source.read(np.arange(7)), np.stack([filled.real, filled.imag], 1), rtol=1e-7)
    assert np.isnan(source.read_with_gaps(np.array([GAPPY]))).sum() == 6


def test_integers_have_no_gaps(tmp_path: Path) -> None:
    source = opened("npy", tmp_path, np.arange(64, dtype=np.int16).reshape(4, 4, 4), missing="skip")
    assert len(source) == 4
    assert source.dtype == np.int16


def test_integers_that_stand_for_nothing_are_gaps_to_be_restored(tmp_path: Path) -> None:
    x = np.arange(36, dtype=np.int16).reshape(6, 6)
    image = fits.PrimaryHDU(x)
    image.header["BLANK"] = 7
    image.writeto(tmp_path / "a.fits")
    source = SOURCES.build("fits", {"path": str(tmp_path / "a.fits"), "missing": "fill"})
    assert source.dtype == np.int16
    expected = np.where(x == 7, np.nan, x.astype(float))
    np.testing.assert_array_equal(source.read_with_gaps(np.array([0]))[0, 0], expected)
