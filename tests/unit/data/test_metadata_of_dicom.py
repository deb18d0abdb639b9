"""Distances, directions and units of DICOM: read, kept in a checkpoint, given back as NIfTI; whom they show is not."""

import gzip
import json
from dataclasses import fields

import nibabel
import numpy as np
import pytest

from idm.data import SOURCES
from idm.data.metadata import DicomMetadata, metadata_to_plain
from idm.data.writers import Form, usual_formats

from ... import dicoms
from .given_back import restored, written

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CT = {
    "Modality": "CT",
    "PixelSpacing": [0.5, 0.75],
    "RescaleSlope": 1,
    "RescaleIntercept": -1024,
    "RescaleType": "HU",
    "ImageOrientationPatient": list(AXIAL),
    "PatientName": "Doe^Jane",
    "PatientID": "12345",
}


def series(folder):
    pixels = np.random.default_rng(0).integers(0, 4_096, (3, 4, 5)).astype(np.uint16)
    for number, plane in enumerate(pixels):
        dicoms.write(folder / f"{number}.dcm", plane, ImagePositionPatient=[0, 0, 2.5 * number], **CT)
    return SOURCES.build("dicom", {"path": str(folder), "samples": "volumes"}), pixels.astype(np.int32) - 1024


def test_distances_and_units_of_a_series_are_kept_and_whom_it_shows_is_not(tmp_path):
    found, _ = series(tmp_path)
    assert restored(found) == DicomMetadata("CT", "HU", (2.5, 0.5, 0.75), 1.0, -1024.0, directions=AXIAL)
    assert found.metadata.units == ("HU",)
    said = json.dumps(metadata_to_plain(found.metadata))
    assert "Doe" not in said
    assert "12345" not in said
    assert not {"patient", "name", "id"} & {entry.name for entry in fields(DicomMetadata)}


def test_a_series_leaves_as_nifti_along_x_y_z_with_its_distances(tmp_path):
    found, values = series(tmp_path)
    form = Form(found.shape, found.dtype, metadata=found.metadata)
    assert usual_formats("dicom", form) == ("nifti",)
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(written("nifti", found)))
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), values.transpose(2, 1, 0))
    assert (image.header.get_zooms(), image.header.get_xyzt_units()[0]) == ((0.75, 0.5, 2.5), "mm")
    # Columns of an axial slice run to the left, rows to the back, slices to the head (DICOM PS3.3, C.7.6.2.1.1).
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    np.testing.assert_array_equal(image.affine, np.diag([-0.75, -0.5, 2.5, 1.0]))
    assert int(image.header["sform_code"]) == 2


def test_a_sagittal_series_leaves_with_the_directions_of_the_body(tmp_path):
    # Columns run to the back (+y of DICOM), rows to the feet (-z); the normal, y x -z = -x, to the right.
    sagittal = CT | {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    for number in range(3):
        dicoms.write(
            tmp_path / f"{number}.dcm",
            np.full((4, 5), number, np.uint8),
            ImagePositionPatient=[2.5 * number, 0, 0],
            **sagittal,
        )
    found = SOURCES.build("dicom", {"path": str(tmp_path), "samples": "volumes"})
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(written("nifti", found)))
    np.testing.assert_array_equal(image.affine, [[0, 0, 2.5, 0], [-0.75, 0, 0, 0], [0, -0.5, 0, 0], [0, 0, 0, 1]])
    slices = np.asanyarray(image.dataobj)[0, 0].tolist()
    assert slices == [2 - 1024, 1 - 1024, -1024]  # the leftmost, at 5 mm, first: the axis runs to the right


@pytest.mark.parametrize("directions", [None, [1, 0, 0, 1, 0, 0]])
def test_a_series_of_no_known_directions_leaves_without_a_claim_of_some(tmp_path, directions):
    told = {name: value for name, value in CT.items() if name != "ImageOrientationPatient"}
    if directions:
        told |= {"ImageOrientationPatient": directions, "ImagePositionPatient": [0, 0, 0]}
    dicoms.write(tmp_path / "a.dcm", np.zeros((3, 4, 5), np.uint8), SliceThickness=2.5, **told)
    found = SOURCES.build("dicom", {"path": str(tmp_path), "samples": "volumes"})
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(written("nifti", found)))
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (0, 0)
    assert image.header.get_zooms() == (0.75, 0.5, 2.5)


def test_slopes_that_differ_are_not_told_as_some_other(tmp_path):
    for number, slope in enumerate((1, 0.5)):
        told = CT | {"RescaleSlope": slope, "ImagePositionPatient": [0, 0, number]}
        dicoms.write(tmp_path / f"{number}.dcm", np.ones((4, 5), np.uint16), **told)
    found = SOURCES.build("dicom", {"path": str(tmp_path)})
    assert restored(found) == DicomMetadata("CT", "HU", (0.5, 0.75), None, None, directions=AXIAL)
