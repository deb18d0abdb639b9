"""Patches are what slices of the raster are, whatever it lies in, and no more than they are read."""

import h5py
import nibabel
import numpy as np
import pytest
import tifffile
import zarr
from astropy.io import fits
from PIL import Image
from scipy.io import netcdf_file

from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES
from idm.data.metadata import NetCdfMetadata, NiftiMetadata
from idm.data.patches import Patches
from idm.run.opened_source import open_source
from idm.settings import from_plain
from idm.settings.data import DataSettings

RASTER = np.random.default_rng(0).integers(0, 250, (22, 30)).astype(np.uint8)
VOLUME = np.random.default_rng(1).normal(size=(6, 9, 8)).astype(np.float32)


def npy(folder):
    np.save(folder / "a.npy", RASTER)
    return "arrays", {"path": str(folder / "a.npy"), "samples": "whole", "channels": "none"}


def npz(folder):
    np.savez(folder / "a.npz", data=RASTER[..., None], labels=np.zeros(3))
    return "arrays", {"path": str(folder / "a.npz"), "samples": "whole", "channels": "last"}


def hdf5(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("x", data=RASTER[None], chunks=(1, 7, 7))
    return "hdf5", {"path": str(folder / "a.h5"), "samples": "whole", "channels": "first"}


def store(folder):
    zarr.create_array(str(folder / "a.zarr"), data=RASTER, chunks=(7, 7))
    return "zarr", {"path": str(folder / "a.zarr"), "samples": "whole", "channels": "none"}


def entry(folder):
    np.save(folder / "a.npy", RASTER[None, None])
    return "arrays", {"path": str(folder / "a.npy")}


def netcdf(folder):
    with netcdf_file(str(folder / "a.nc"), "w") as file:
        for name, size in (("lat", 22), ("lon", 30)):
            file.createDimension(name, size)
        file.createVariable("t", "i2", ("lat", "lon"))[:] = RASTER
    return "netcdf", {"path": str(folder / "a.nc"), "sample_axes": ()}


def image(folder):
    fits.PrimaryHDU(RASTER).writeto(folder / "a.fits")
    return "fits", {"path": str(folder / "a.fits")}


def scaled(folder):
    unit = fits.PrimaryHDU(RASTER.astype(np.float64))
    unit.scale("int16", bzero=32)
    fits.HDUList([unit]).writeto(folder / "a.fits")
    return "fits", {"path": str(folder / "a.fits")}


def tiles(folder):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(RASTER, compression_type="GZIP_1")]).writeto(folder / "a.fits")
    return "fits", {"path": str(folder / "a.fits")}


def tiff(folder):
    tifffile.imwrite(folder / "a.tif", RASTER)
    return "tiff", {"path": str(folder / "a.tif")}


def tiled(folder):
    tifffile.imwrite(folder / "a.tif", RASTER, tile=(16, 16))
    return "tiff", {"path": str(folder / "a.tif")}


def array_folder(folder):
    np.save(folder / "a.npy", RASTER)
    return "array_folder", {"path": str(folder), "channels": "none"}


def nifti(folder):
    nibabel.save(nibabel.Nifti1Image(RASTER[..., None], np.eye(4)), folder / "a.nii")
    return "nifti", {"path": str(folder / "a.nii")}


def packed(folder):
    nibabel.save(nibabel.Nifti1Image(RASTER, np.eye(4)), folder / "a.nii.gz")
    return "nifti", {"path": str(folder / "a.nii.gz")}


def pictures(folder):
    Image.fromarray(RASTER).save(folder / "a.png")
    return "image_folder", {"path": str(folder)}


KINDS = (
    npy, npz, hdf5, store, entry, netcdf, image, scaled, tiles, tiff, tiled, array_folder, nifti, packed, pictures
)  # fmt: skip


@pytest.mark.parametrize("make", KINDS)
def test_patches_are_slices_of_the_raster_named_by_their_place(tmp_path, make):
    name, options = make(tmp_path)
    found = Patches(SOURCES.build(name, options, in_patches=True), (5, 6), 7)
    assert found.shape == (1, 5, 6)
    places = [(y, x) for y in (0, 7, 14) for x in (0, 7, 14, 21)]
    wanted = np.stack([RASTER[None, y : y + 5, x : x + 6] for y, x in places])
    np.testing.assert_array_equal(found.read(np.arange(12)), wanted)
    np.testing.assert_array_equal(found.read(np.array([7, 1])), wanted[[7, 1]])
    assert [text.partition("[")[2] for text in found.names] == [f"{y}:{y + 5},{x}:{x + 6}]" for y, x in places]
    columns = found.columns_of(np.arange(12))
    assert list(zip(columns["y"], columns["x"], strict=True)) == places
    assert len(set(columns["raster"])) == 1


def test_volumes_of_several_samples_are_cut_along_three_axes(tmp_path):
    np.savez(tmp_path / "a.npz", data=np.stack([VOLUME, -VOLUME])[:, None], y=[3, 5], patient=[7, 8])
    source = SOURCES.build("arrays", {"path": str(tmp_path / "a.npz"), "key": "data"})
    found = Patches(source, (3, 4, 8))
    wanted = [sign * VOLUME[None, z : z + 3, y : y + 4] for sign in (1, -1) for z in (0, 3) for y in (0, 4)]
    np.testing.assert_array_equal(found.read(np.arange(8)), np.stack(wanted))
    assert found.names[5] == "1[0:3,4:8,0:8]"
    assert (found.class_names, found.labels.tolist()) == (("3", "5"), [0] * 4 + [1] * 4)
    assert found.beside.read("group_by", "patient", 8).tolist() == [7] * 4 + [8] * 4
    assert found.remarks[-1].startswith("11.1% of the places are in no patch")  # a ninth of the second axis


def test_complex_rasters_have_both_parts_as_channels(tmp_path):
    np.save(tmp_path / "a.npy", VOLUME[None, :2] + 1j * VOLUME[None, 2:4])
    found = Patches(SOURCES.build("arrays", {"path": str(tmp_path / "a.npy"), "channels": "first"}), 4)
    np.testing.assert_array_equal(found[3], np.concatenate([VOLUME[:2, 4:8, 4:8], VOLUME[2:4, 4:8, 4:8]]))


def with_gaps(folder, **options):
    """A map whose upper left corner is missing."""
    values = RASTER.astype(np.float32)
    values[:6, :6] = np.nan
    fits.PrimaryHDU(values).writeto(folder / "a.fits")
    return SOURCES.build("fits", {"path": str(folder / "a.fits"), **options}, in_patches=True)


def test_patches_with_missing_values_are_skipped_and_the_others_read(tmp_path):
    found = Patches(with_gaps(tmp_path, missing="skip"), 5)
    kept = [(y, x) for y in range(0, 20, 5) for x in range(0, 30, 5) if y > 5 or x > 5]
    np.testing.assert_array_equal(
        found.read(np.arange(len(found))), np.stack([RASTER[None, y : y + 5, x : x + 5] for y, x in kept])
    )
    assert "4 of 24 patches are not read, since values are missing" in found.remarks


def test_missing_values_of_patches_are_filled_or_refused_as_the_source_says(tmp_path):
    with pytest.raises(DataError, match=r"got 5\.5% missing in sample 0"):  # 36 of 660
        with_gaps(tmp_path)
    (tmp_path / "a.fits").unlink()
    assert (Patches(with_gaps(tmp_path, missing="fill", fill=-1.0), 5)[0] == -1).all()


def test_a_raster_of_which_every_patch_misses_values_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"got none among 1; set data\.patch_size lower"):
        Patches(with_gaps(tmp_path, missing="skip"), 22)


@pytest.mark.parametrize(
    ("size", "stride", "words"),
    [
        (23, 0, r"patch_size: at most \[22,30\] wanted, that of a sample, got 23"),
        ((5,), 0, r"one along each axis of samples of 22 x 30 wanted, got \[5\]; set data.patch_size to \[5,5\]$"),
        ((2, 5, 40), 0, r"of 22 x 30 wanted, got \[2,5,40\]; set data.patch_size to \[5,30\]$"),
        (5, (1, 2, 3), r"patch_stride: a distance along each of 2 axes wanted, got \[1,2,3\]"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(tmp_path, size, stride, words):
    name, options = npy(tmp_path)
    with pytest.raises(SettingsError, match=words):
        Patches(SOURCES.build(name, options), size, stride)


def test_points_are_not_cut(tmp_path):
    np.save(tmp_path / "points.npy", RASTER)
    points = SOURCES.build("arrays", {"path": str(tmp_path / "points.npy")})
    with pytest.raises(SettingsError, match=r"an axis of space wanted, got points, .* set data.patch_size=0"):
        Patches(points, 5)


def test_an_array_of_two_axes_is_one_raster_where_it_is_cut(tmp_path):
    np.save(tmp_path / "raster.npy", RASTER)
    options = {"path": str(tmp_path / "raster.npy")}
    for said in ({}, {"samples": "whole"}):
        found = SOURCES.build("arrays", options | said, in_patches=True)
        assert (len(found), found.shape) == (1, (1, 22, 30))
        np.testing.assert_array_equal(found[0][0], RASTER)
        assert bool(found.remarks) is not said
    signals = SOURCES.build("arrays", options | {"channels": "none"}, in_patches=True)
    assert (len(signals), signals.shape) == (22, (1, 30))


SIGNALS = np.arange(50 * 200, dtype=np.float32).reshape(50, 200)


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ({"path": "labelled.npz"}, {"patch_size": 50}),
        ({"path": "grouped.npz", "samples": "entries"}, {"patch_size": 50}),
        ({"path": "grouped.npz"}, {"patch_size": 50, "group_by": "station"}),
        ({"path": "grouped.npz"}, {"patch_size": 50, "attributes": ("station",)}),
        ({"path": "grouped.npz", "key": "data"}, {"patch_size": (50,)}),
    ],
)
def test_an_array_of_two_axes_is_no_raster_where_entries_of_it_are_told_of(tmp_path, source, changes):
    of_each = np.arange(50)
    np.savez(tmp_path / "labelled.npz", data=SIGNALS, labels=of_each % 5)
    np.savez(tmp_path / "grouped.npz", data=SIGNALS, station=of_each)
    told = {"name": "arrays", **source, "path": str(tmp_path / source["path"])}
    found = open_source(from_plain(DataSettings, {"source": told, "held_out": 0, **changes}))
    assert (len(found), found.shape) == (200, (1, 50))
    np.testing.assert_array_equal(found.read(np.arange(200)).reshape(50, 200), SIGNALS)
    if source["path"] == "labelled.npz":
        np.testing.assert_array_equal(found.labels, np.repeat(of_each % 5, 4))
        assert any("read as 50 signals of 200 places; data.source.samples=whole" in line for line in found.remarks)
    else:
        np.testing.assert_array_equal(found.beside.read("data.group_by", "station", 200), np.repeat(of_each, 4))


def test_what_is_told_of_other_samples_than_rasters_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", data=SIGNALS, station=np.arange(50))
    whole = {"path": str(tmp_path / "a.npz"), "samples": "whole", "key": "data"}
    found = Patches(SOURCES.build("arrays", whole, apart=("station",), in_patches=True), 50)
    with pytest.raises(
        DataError,
        match=r"^data\.group_by: an entry for each of 1 raster .* got 'station' of shape \(50,\); name another",
    ):
        found.beside.read("data.group_by", "station", len(found))


def test_pages_of_tiff_files_are_rasters_by_their_name(tmp_path):
    Image.fromarray(RASTER.astype(np.float32)).save(tmp_path / "a.tif")
    names = {}
    for name in ("tiff", "tiff_stack"):
        names[name] = Patches(SOURCES.build(name, {"path": str(tmp_path / "a.tif")}), (11, 30)).names
    assert names == {"tiff": ("a.tif[0:11,0:30]", "a.tif[11:22,0:30]"), "tiff_stack": names["tiff_stack"]}
    assert names["tiff_stack"] == ("a.tif#0[0:11,0:30]", "a.tif#0[11:22,0:30]")


def test_a_stride_without_a_size_is_refused():
    with pytest.raises(SettingsError, match="patch_stride: a patch_size with it wanted"):
        DataSettings(patch_stride=3)


def test_units_and_sizes_of_voxels_are_kept_and_places_are_not(tmp_path):
    with netcdf_file(str(tmp_path / "a.nc"), "w") as file:
        for name, size in (("lat", 22), ("lon", 30)):
            file.createDimension(name, size)
            file.createVariable(name, "f4", (name,))[:] = np.arange(size)
        file.createVariable("t", "f4", ("lat", "lon"))[:] = RASTER
        file.variables["t"].units = "K"
    found = Patches(SOURCES.build("netcdf", {"path": str(tmp_path / "a.nc"), "sample_axes": ()}), 5)
    assert isinstance(found.metadata, NetCdfMetadata)
    assert (found.metadata.units, found.metadata.fits(found.shape)) == (("K",), True)
    assert [axis.values for axis in found.metadata.space] == [None, None]
    place = np.array([[0, -2, 0, 9], [3, 0, 0, 8], [0, 0, 4, 7], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(VOLUME, place), tmp_path / "a.nii")
    volumes = Patches(SOURCES.build("nifti", {"path": str(tmp_path / "a.nii")}), 4)
    assert isinstance(volumes.metadata, NiftiMetadata)
    np.testing.assert_array_equal(volumes.metadata.matrix[:3, :3], place[:3, :3])
    assert not volumes.metadata.matrix[:3, 3].any()


@pytest.mark.parametrize(("setting", "said"), [("patch_size", -1), ("random_crop", (0, 4)), ("patch_stride", (-2,))])
def test_sizes_that_no_axis_has_are_refused(setting, said):
    with pytest.raises(SettingsError, match=rf"{setting}: sizes from [01] on wanted"):
        DataSettings(**{"patch_size": 4, setting: said})
