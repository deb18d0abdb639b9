"""What is known of data beside their values: read by sources, kept in a checkpoint, refused from strangers."""

import json

import h5netcdf
import nibabel
import numpy as np
import pytest

from idm.data.metadata import NetCdfMetadata, NiftiMetadata, metadata_from_plain, metadata_to_plain, of_pieces
from idm.data.metadata.netcdf import Named
from idm.data.sources.netcdf import NetCdf
from idm.data.sources.nifti import Nifti
from idm.data.writers.nifti import nifti_bytes

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
PLACE = NiftiMetadata(tuple(AFFINE.reshape(-1).tolist()), 4, "mm", "sec", packed=False)
FIELD = NetCdfMetadata((Named("t", (("units", "K"),)),), (), (Named("lat", (), 2, (1.0, 2.0)), Named("x", (), 3)))


def write_volume(path, affine, code=4):
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine)
    image.set_sform(affine, code)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)


def test_the_place_that_volumes_agree_on_is_kept(tmp_path):
    for name in "ab":
        write_volume(tmp_path / f"{name}.nii", AFFINE)
    assert Nifti(tmp_path).metadata == PLACE


def test_of_volumes_in_several_places_directions_and_the_place_of_the_first_are_kept(tmp_path):
    """Without the sign of the first axis programs show the left for the right."""
    write_volume(tmp_path / "a.nii", AFFINE)
    moved = AFFINE.copy()
    moved[0, 3] += 5
    write_volume(tmp_path / "b.nii", moved)
    found = Nifti(tmp_path)
    assert found.metadata == PLACE
    assert "offsets of the files differ by up to 5 mm: volumes that are made have that of the first" in found.remarks
    made = nibabel.Nifti1Image.from_bytes(nifti_bytes(np.zeros((1, 2, 3, 4)), found.metadata))
    assert nibabel.aff2axcodes(made.affine) == ("L", "A", "S")
    pieces = of_pieces(found.metadata, (1, 2, 2, 2))
    cut = nibabel.Nifti1Image.from_bytes(nifti_bytes(np.zeros((1, 2, 2, 2)), pieces))
    np.testing.assert_array_equal(cut.affine, np.diag([-2, 2, 2.5, 1]))


def test_of_volumes_of_other_directions_the_size_of_voxels_is_kept_and_a_line_says_so(tmp_path):
    write_volume(tmp_path / "a.nii", AFFINE)
    write_volume(tmp_path / "b.nii", AFFINE * [[-1], [1], [1], [1]])
    found = Nifti(tmp_path)
    np.testing.assert_array_equal(found.metadata.matrix, np.diag([2.0, 2.0, 2.5, 1.0]))
    assert found.metadata.code == 0
    assert any("other directions or sizes of voxels in 1 file than in the first" in line for line in found.remarks)


def test_names_units_and_coordinates_of_a_netcdf_file_are_kept(tmp_path):
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        file.dimensions = {"time": 4, "level": 2, "lat": 3, "x": 5}
        for name, values, units in (("lat", [10.0, 20.0, 30.0], "degrees_north"), ("level", [850, 500], "hPa")):
            file.create_variable(name, (name,), data=np.array(values)).attrs["units"] = units
        field = file.create_variable("t", ("time", "level", "lat", "x"), "f4")
        field[:] = np.arange(120, dtype=np.float32).reshape(4, 2, 3, 5)
        field.attrs["units"] = "K"
        field.attrs["history"] = "not kept"
    found = NetCdf(tmp_path / "a.nc", channel_axes=("level",))
    assert found.metadata == NetCdfMetadata(
        (Named("t", (("units", "K"),)),),
        (Named("level", (("units", "hPa"),), 2, (850.0, 500.0)),),
        (Named("lat", (("units", "degrees_north"),), 3, (10.0, 20.0, 30.0)), Named("x", (), 5)),
    )
    assert found.metadata.fits(found.shape)


@pytest.mark.parametrize(("metadata", "shape"), [(PLACE, (1, 2, 3, 4)), (FIELD, (1, 2, 3)), (None, (1,))])
def test_a_checkpoint_gives_it_back(metadata, shape):
    plain = json.loads(json.dumps(metadata_to_plain(metadata)))
    assert metadata_from_plain(plain, shape) == metadata


def test_a_kind_of_later_versions_is_no_metadata():
    assert metadata_from_plain({"kind": "of-later", "what": 1}, (1, 8, 8)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"affine": [1.0] * 15},
        {"affine": [10**400] + [0] * 15},
        {"affine": [float("nan")] * 16},
        {"affine": "no numbers"},
        {"affine": [0.0] * 15 + [1.0]},
        {"code": "4"},
        {"code": 99},
        {"length": "../../etc"},
    ],
)
def test_an_odd_place_from_a_stranger_is_refused(changes):
    with pytest.raises((KeyError, TypeError, ValueError)):
        metadata_from_plain({**metadata_to_plain(PLACE), **changes}, (1, 2, 3, 4))


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": []},
        {"variables": [{"name": "../t", "attributes": {}, "size": 0, "values": None}]},
        {"variables": [{"name": "t\x1b", "attributes": {}, "size": 0, "values": None}]},
        {"variables": [{"name": "t", "attributes": {"DIMENSION_LIST": "x"}, "size": 0, "values": None}]},
        {"variables": [{"name": "t", "attributes": {"units": "K" * 2000}, "size": 0, "values": None}]},
        {"variables": [{"name": "lat", "attributes": {}, "size": 0, "values": None}]},
        {"variables": 3},
        {"space": [{"name": "lat", "attributes": {}, "size": 2, "values": [1.0]}]},
        {"space": [{"name": "lat", "attributes": {}, "size": 7, "values": None}]},
        {"space": [{"name": "lat", "attributes": {}, "size": "2", "values": None}]},
        {"channel_axes": None},
    ],
)
def test_odd_variables_from_a_stranger_are_refused(changes):
    with pytest.raises((KeyError, TypeError, ValueError)):
        metadata_from_plain({**metadata_to_plain(FIELD), **changes}, (1, 2, 3))


@pytest.mark.parametrize("plain", [[], "nifti", {"kind": 3}, {"kind": "nifti"}])
def test_what_is_no_metadata_is_refused(plain):
    with pytest.raises((KeyError, TypeError, ValueError)):
        metadata_from_plain(plain, (1, 2, 3))
