"""DICOM files: pixels come back bit for bit or in the units of slope and intercept, in the order of the body."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    SecondaryCaptureImageStorage,
)

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.attributes import read_attributes
from idm.data.check import check_path
from idm.data.groups import grouped_split, groups_by
from idm.data.patches import Patches

from ...dicoms import write

RNG = np.random.default_rng(0)


def numbers(dtype, shape=(4, 5), bits=None):
    limits = np.iinfo(dtype)
    low, high = (limits.min, limits.max) if bits is None else (0, 2**bits - 1)
    values = RNG.integers(low, high, shape, dtype=dtype, endpoint=True)
    values.reshape(-1)[:2] = low, high
    return values


CT = {"RescaleSlope": 1, "RescaleIntercept": -1024, "BitsStored": 12}
PET = {"RescaleSlope": "0.25", "RescaleIntercept": "-3.5"}
BIG = {"syntax": ExplicitVRBigEndian}
WRITTEN = {
    **{f"{name}": (numbers(name), {}, None) for name in ("u1", "i1", "u2", "i2", "u4", "i4")},
    "implicit": (numbers("u2"), {"syntax": ImplicitVRLittleEndian}, None),
    "big-endian": (numbers("u2"), BIG, None),
    "big-endian signed": (numbers("i2"), BIG, None),
    "big-endian bytes": (numbers("u1"), BIG, None),
    "odd number of bytes": (numbers("u1", (3, 5)), {}, None),
    "12 bits": (numbers("u2", bits=12), {"BitsStored": 12}, None),
    "Hounsfield units": (values := numbers("u2", bits=12), CT, values.astype("i2") - 1024),
    "Hounsfield units of 16 bits": (values := numbers("u2"), CT | {"BitsStored": 16}, values.astype("i4") - 1024),
    "bits beyond those that count": (
        values := numbers("u1"),
        CT | {"BitsStored": 4},
        (values & 15).astype("i2") - 1024,
    ),
    "slope": (values := numbers("u2"), PET, values * 0.25 - 3.5),
    "slope of signed": (values := numbers("i2"), PET, values * 0.25 - 3.5),
    "white is 0": (numbers("u1"), {"PhotometricInterpretation": "MONOCHROME1"}, None),
    "colours": (numbers("u1", (4, 5, 3)), {}, None),
    "colours in planes": (values := numbers("u1", (4, 5, 3)), {}, None),
    "frames": (numbers("u2", (6, 4, 5)), {}, None),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_pixels_come_back_bit_for_bit_or_scaled(tmp_path, name):
    pixels, told, expected = WRITTEN[name]
    write(tmp_path / "a.dcm", pixels, **told)
    if "planes" in name:
        found = pydicom.dcmread(tmp_path / "a.dcm")
        found.PlanarConfiguration, found.PixelData = 1, np.moveaxis(pixels, -1, 0).tobytes()
        found.save_as(tmp_path / "a.dcm")
    source = SOURCES.build(*infer_source(tmp_path / "a.dcm"))
    expected = pixels if expected is None else expected
    rows = source.read(np.arange(len(source)))
    rows = rows[:, 0] if source.shape[0] == 1 else np.moveaxis(rows, 1, -1)
    assert rows.dtype == expected.dtype
    assert rows.tobytes() == (expected if "frames" in name else expected[None]).tobytes()


def series(folder, number, order, **told):
    """Slices of a series whose names say another order than their places along the x axis do."""
    for name, place in enumerate(order):
        write(
            folder / f"{number}-{name}",
            np.full((4, 5), 10 * number + place, "u1"),
            SeriesInstanceUID=f"1.2.{number}",
            ImageOrientationPatient=[0, 1, 0, 0, 0, 1],
            ImagePositionPatient=[1.5 * (place - 1), 7 * name, 0],  # the middle one is at 0
            InstanceNumber=name,
            PixelSpacing=[0.5, 0.75],
            **told,
        )


def test_slices_are_ordered_by_their_place_in_the_body_whatever_their_files_are_called(tmp_path):
    series(tmp_path / "a", 1, [2, 0, 1])
    series(tmp_path / "b", 2, [1, 2, 0])
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.SOPClassUID, report.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2"
    pydicom.dcmwrite(tmp_path / "report.dcm", report, enforce_file_format=True)
    (tmp_path / "notes.txt").write_text("no image")
    options = {"path": str(tmp_path)}
    slices = SOURCES.build("dicom", options)
    assert slices.read(np.arange(6))[:, 0, 0, 0].tolist() == [10, 11, 12, 20, 21, 22]
    assert slices.names[:3] == ("a/1-1", "a/1-2", "a/1-0")
    left_out = ("1 file of other kinds not read: notes.txt", "1 file without an image not read")
    assert (slices.spacing, slices.remarks) == ((0.5, 0.75), left_out)
    volumes = SOURCES.build("dicom", options | {"samples": "volumes"})
    assert (volumes.shape, volumes.spacing) == ((1, 3, 4, 5), (1.5, 0.5, 0.75))
    assert volumes.read(np.array([1, 0]))[:, 0, :, 0, 0].tolist() == [[20, 21, 22], [10, 11, 12]]
    (tmp_path / "report.dcm").unlink()
    labelled = SOURCES.build("dicom", options | {"samples": "volumes", "labels": "folder"})
    assert (labelled.labels.tolist(), labelled.class_names) == ([0, 1], ("a", "b"))


def test_slopes_may_differ_from_slice_to_slice(tmp_path):
    for number, slope in enumerate((1, 0.5)):
        write(
            tmp_path / f"{number}.dcm",
            numbers("u2") * 0 + 3,
            RescaleSlope=slope,
            RescaleIntercept=0,
            InstanceNumber=number,
        )
    source = SOURCES.build(*infer_source(tmp_path))
    assert (source.dtype, source.read(np.arange(2))[:, 0, 0, 0].tolist()) == (np.dtype("f8"), [3.0, 1.5])


def test_frames_of_an_enhanced_file_share_their_slope_and_spacing(tmp_path):
    shared, values, measures = Dataset(), Dataset(), Dataset()
    values.RescaleSlope, values.RescaleIntercept = 2, -1
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.5], 3
    shared.PixelValueTransformationSequence, shared.PixelMeasuresSequence = [values], [measures]
    pixels = numbers("u1", (6, 4, 5))
    write(tmp_path / "a.dcm", pixels, SharedFunctionalGroupsSequence=[shared])
    source = SOURCES.build("dicom", {"path": str(tmp_path), "samples": "volumes"})
    assert (source.spacing, source.dtype) == ((3.0, 0.5, 0.5), np.dtype("i2"))
    np.testing.assert_array_equal(source[0][0], pixels.astype("i2") * 2 - 1)


REFUSED = {
    "compressed": ({"syntax": DeflatedExplicitVRLittleEndian}, "pixels that are not compressed wanted, got Deflated"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "or RGB, wanted, got PALETTE COLOR; convert it"),
    "larger than the file": ({"Rows": 60_000}, "1 frames of shape .* declared"),
    "single bits": ({"BitsAllocated": 1}, "cannot be read as a DICOM file"),
    "slope of 0": ({"RescaleSlope": 0}, "a scale that is not 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_in_a_line(tmp_path, name):
    told, said = REFUSED[name]
    write(tmp_path / "a.dcm", numbers("u1"), **told)
    with pytest.raises(DataError, match=said) as caught:
        SOURCES.build("dicom", {"path": str(tmp_path / "a.dcm")})
    assert len(caught.value.lines) == 1


def test_compressed_pixels_damaged_files_and_others_are_refused_by_name(tmp_path):
    path = write(tmp_path / "a.dcm", numbers("u1"))
    whole = path.read_bytes()
    found = pydicom.dcmread(path)
    found.file_meta.TransferSyntaxUID = JPEG2000Lossless
    found.PixelData = pydicom.encaps.encapsulate([b"\0\0"])
    found["PixelData"].is_undefined_length = True
    found.save_as(path)
    with pytest.raises(DataError, match=r"got JPEG 2000 .*; decompress it, by gdcmconv or"):
        SOURCES.build("dicom", {"path": str(path)})
    for content in (b"", whole[:100], whole[128:], whole[:140], whole[:-300] + b"x"):
        path.write_bytes(content)
        with pytest.raises(
            DataError, match=r"a\.dcm: (cannot be read as a DICOM file|DICOM files with an image)"
        ) as caught:
            SOURCES.build("dicom", {"path": str(path)})
        assert len(caught.value.lines) == 1
    path.write_bytes(whole)
    source = SOURCES.build("dicom", {"path": str(path)})
    path.write_bytes(whole[:-9])
    with pytest.raises(UnreadableFileError, match=r"a\.dcm: cannot be read"):
        source.read(np.arange(1))
    with pytest.raises(DataError, match="DICOM files wanted, got nothing there"):
        SOURCES.build("dicom", {"path": str(tmp_path / "gone")})


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    series(tmp_path / "data", 1, [2, 0, 1])
    write(tmp_path / "data" / "x.dcm", np.zeros((4, 5), "u1"))
    check = check_path(tmp_path / "data")
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert (check.source, len(SOURCES.build(*infer_source(tmp_path / "index.jsonl")))) == ("dicom", 4)


@pytest.mark.parametrize("samples", ["slices", "volumes"])
def test_patients_are_kept_on_one_side_of_the_split(tmp_path, samples):
    for number in range(12):
        patient, series = number // 4, number // 2
        told = {"PatientID": f"P{patient}", "SeriesInstanceUID": f"1.{series}", "InstanceNumber": number}
        write(tmp_path / f"{number}.dcm", np.full((4, 5), number, np.uint8), **told)
    source = SOURCES.build("dicom", {"path": str(tmp_path), "samples": samples})
    train, held_out = grouped_split(groups_by(source, "PatientID"), None, len(source) // 3)
    patients = [{int(source[int(row)].flat[0]) // 4 for row in rows} for rows in (train, held_out)]
    assert len(patients[1]) == 1
    assert patients[0] == {0, 1, 2} - patients[1]


def test_identifiers_are_read_for_groups_alone_and_are_in_no_message(tmp_path):
    for number in range(6):
        told = {"PatientID": "4711", "InstanceNumber": number}
        write(tmp_path / f"{number}.dcm", np.full((4, 5), number, np.uint8), **told)
    source = SOURCES.build("dicom", {"path": str(tmp_path)})
    for one in (source, Patches(source, 2)):
        with pytest.raises(DataError, match=r"attributes: what is no identifier wanted, got 'PatientID'"):
            read_attributes(one, ("PatientID",))
    groups = groups_by(source, "PatientID")
    with pytest.raises(DataError, match="at least 2 groups wanted, got one, an identifier that is not shown") as lone:
        grouped_split(groups, None, 2)
    with pytest.raises(DataError, match="got some of an identifier that is not shown; name them all") as divided:
        groups.refuse_divided("held_out_list", np.array([1]))
    assert "4711" not in f"{lone.value}{divided.value}"


def test_files_without_an_identifier_are_refused_by_name(tmp_path):
    for number in range(3):
        told = {"PatientID": "P"} if number else {}
        write(tmp_path / f"{number}.dcm", np.full((4, 5), number, np.uint8), InstanceNumber=number, **told)
    source = SOURCES.build("dicom", {"path": str(tmp_path)})
    with pytest.raises(DataError, match=r"group_by: .* wanted in 'PatientID', got '' for 0\.dcm"):
        groups_by(source, "PatientID")
