"""DICOM files: what their headers say of the image, and its pixels."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.packing import Packing
from idm.data.extras import import_extra, quiet
from idm.data.metadata.dicom import LONGEST_WORD, are_directions
from idm.data.reading.damage import reading

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
PREAMBLE_BYTES, MAGIC = 128, b"DICM"

PLAIN = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})
"""Transfer syntaxes whose pixels are not compressed: implicit and explicit little-endian, explicit big-endian."""

CHANNELS = {"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3}
"""Channels of each photometric interpretation that is read."""

DIRECTION_DIGITS = 5
"""Digits behind the point of directions that are compared."""

TAGS = [
    *("BitsAllocated", "BitsStored", "Columns", "ImageOrientationPatient", "ImagePositionPatient", "InstanceNumber"),
    *("ModalityLUTSequence", "NumberOfFrames", "PerFrameFunctionalGroupsSequence", "PhotometricInterpretation"),
    *("PixelRepresentation", "PixelSpacing", "RescaleIntercept", "RescaleSlope", "Rows", "SamplesPerPixel"),
    *("Modality", "RescaleType", "SeriesInstanceUID", "SharedFunctionalGroupsSequence", "SliceThickness", "Units"),
]
"""What is read of headers: nothing of whom they show."""

IDENTIFIERS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
"""What tells which files belong together; read only where a split is to keep them so, and kept nowhere."""


@dataclass(frozen=True)
class DicomFile:
    """What one file holds.

    Attributes:
        where: the file.
        series: identifier of the series that it is of.
        shape: shape of a frame, (rows, columns) or (rows, columns, 3).
        num_frames: number of frames.
        photometric: what pixels mean, such as MONOCHROME2.
        packing: what stored numbers stand for, by slope and intercept.
        place: where the image lies along the normal of its plane, in mm; None: not known.
        number: number in the series, where the place is not known.
        spacing: distances of rows and columns, mm; None: not known.
        thickness: thickness of the slice, mm; None: not known.
        modality: kind of machine, such as CT; "": not known.
        unit: what values are in, such as HU; "": not known.
        directions: of growing columns and of growing rows, see ``DicomMetadata``; (): not known, or of several frames,
            whose order is not.
    """

    where: Path
    series: str
    shape: tuple[int, ...]
    num_frames: int
    photometric: str
    packing: Packing
    place: float | None
    number: int
    spacing: tuple[float, float] | None
    thickness: float | None
    modality: str = ""
    unit: str = ""
    directions: tuple[float, ...] = ()

    def read(self, frame: int) -> NDArray[Any]:
        """Return what a frame stands for, in the dtype of its packing; bits beyond BitsStored do not count.

        Raises:
            UnreadableFileError: it is not there any more.
        """
        pixels = import_extra("pydicom.pixels", "dicom")
        with reading(self.where, "a DICOM file", "restore it"), quiet("pydicom"):
            stored = pixels.pixel_array(self.where, index=frame, raw=True).reshape(self.shape)
            return self.packing.values(stored)


def is_dicom(where: Path) -> bool:
    """Whether a file is called as DICOM files are, or begins as they do."""
    if not where.is_file():  # opening a pipe would wait for somebody who writes
        return False
    if where.name.lower().endswith(DICOM_SUFFIXES):
        return True
    try:
        with where.open("rb") as file:
            return file.read(PREAMBLE_BYTES + len(MAGIC))[PREAMBLE_BYTES:] == MAGIC
    except OSError:
        return False


def open_dicom(where: Path) -> DicomFile | None:
    """Read the header of a file, and compare the size of its image with what is stored; None where there is no image.

    Raises:
        UnreadableFileError: no DICOM file, or a damaged one.
        DataError: pydicom is missing; compressed pixels, or pixels of a kind that is not read.
    """
    if not where.is_file():
        raise DataError(f"{where}: a DICOM file wanted, got {kind_at(where)}; check the path")
    pydicom = import_extra("pydicom", "dicom")
    with reading(where, "a DICOM file", "replace it"), quiet("pydicom"):
        syntax = pydicom.filereader.read_file_meta_info(where).TransferSyntaxUID
        if syntax not in PLAIN:  # before anything is unpacked
            raise DataError(
                f"{where}: pixels that are not compressed wanted, got {syntax.name}; decompress it, by gdcmconv "
                "or by pydicom's decompress() with a plug-in"
            )
        found = pydicom.dcmread(where, stop_before_pixels=True, specific_tags=TAGS)
        return _described(where, found) if found.get("Rows") else None


def read_identifier(where: Path, name: str) -> str:
    """Return an identifier, one of ``IDENTIFIERS``, from the header of a file; "" where it has none.

    Raises:
        UnreadableFileError: no DICOM file, or a damaged one.
    """
    pydicom = import_extra("pydicom", "dicom")
    with reading(where, "a DICOM file", "replace it"), quiet("pydicom"):
        return str(pydicom.dcmread(where, stop_before_pixels=True, specific_tags=[name]).get(name) or "")


def _described(where: Path, found: Any) -> DicomFile:
    photometric, frames = str(found.get("PhotometricInterpretation")), int(found.get("NumberOfFrames") or 1)
    if CHANNELS.get(photometric) != int(found.get("SamplesPerPixel", 1)) or found.get("ModalityLUTSequence"):
        kind = "a table of values" if found.get("ModalityLUTSequence") else photometric
        raise DataError(f"{where}: grey pixels with slope and intercept, or RGB, wanted, got {kind}; convert it")
    size = (int(found.Rows), int(found.Columns))
    shape = (*size, CHANNELS[photometric]) if CHANNELS[photometric] > 1 else size
    allocated = int(found.BitsAllocated)
    stored = np.dtype(f"{'i' if found.PixelRepresentation else 'u'}{allocated // 8}")
    num_bytes, there = frames * math.prod(shape) * stored.itemsize, where.stat().st_size
    if num_bytes > there or min(*shape, frames) < 1:
        raise ValueError(f"{frames:,} frames of shape {shape} declared, {there:,} bytes stored")
    measures = _group(found, "PixelMeasuresSequence")
    place, transformed = _place(found), _group(found, "PixelValueTransformationSequence")
    distances = measures.get("PixelSpacing") or found.get("PixelSpacing")
    thickness = measures.get("SliceThickness") or found.get("SliceThickness")
    return DicomFile(
        where,
        str(found.get("SeriesInstanceUID", "")),
        shape,
        frames,
        photometric,
        _packing(where, found, stored),
        place,
        int(found.get("InstanceNumber") or 0),
        (float(distances[0]), float(distances[1])) if distances else None,
        float(thickness) if thickness else None,
        _word(found.get("Modality")),
        _word(transformed.get("RescaleType") or found.get("Units")),
        _directions(found) if place is not None and frames == 1 else (),
    )


def _word(value: Any) -> str:
    """Return a word of DICOM; "" of what is none."""
    text = str(value or "").strip()
    return text if text.isprintable() and len(text) <= LONGEST_WORD else ""


def _group(found: Any, name: str) -> Any:
    """Return what all frames of a file share of some kind, or the first has; the file itself where it has no groups."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for frame in list(found.get(groups) or ())[:1]:
            if frame.get(name):
                return frame[name][0]
    return found


def _packing(where: Path, found: Any, stored: np.dtype[Any]) -> Packing:
    each = [
        (float(frame.PixelValueTransformationSequence[0].RescaleSlope), frame.PixelValueTransformationSequence[0])
        for frame in found.get("PerFrameFunctionalGroupsSequence") or ()
        if frame.get("PixelValueTransformationSequence")
    ]
    if len({(slope, float(group.RescaleIntercept)) for slope, group in each}) > 1:
        raise DataError(f"{where}: one slope and intercept for all frames wanted, got several; save frames as files")
    told = _group(found, "PixelValueTransformationSequence")
    slope, intercept = (told.get(name) for name in ("RescaleSlope", "RescaleIntercept"))
    scale, offset = 1.0 if slope is None else float(slope), float(intercept or 0)
    bits = int(found.get("BitsStored") or 8 * stored.itemsize)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if stored.kind == "i" else (0, 2**bits - 1)
    is_plain = (scale, offset) == (1, 0)
    return Packing(stored, scale, offset, low=None if is_plain else low, high=None if is_plain else high)


def _place(found: Any) -> float | None:
    """Return where an image lies along the normal of its plane."""
    position, axes = found.get("ImagePositionPatient"), found.get("ImageOrientationPatient")
    if not position or not axes:
        return None
    rows, columns = np.array(axes, np.float64).reshape(2, 3)
    place = float(np.cross(rows, columns) @ np.array(position, np.float64))
    return place if math.isfinite(place) else None


def _directions(found: Any) -> tuple[float, ...]:
    """Return the directions of columns and rows, rounded to what writers of files agree on; () of what are none."""
    numbers = tuple(round(float(number), DIRECTION_DIGITS) for number in found.ImageOrientationPatient)
    return numbers if are_directions(numbers) else ()
