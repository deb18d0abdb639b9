"""DICOM files as pydicom writes them."""

import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage


def write(path, pixels, syntax=ExplicitVRLittleEndian, **told):
    """Write pixels [rows, columns], [frames, rows, columns] or [rows, columns, 3] with pydicom."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    found = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    colours = pixels.ndim == 3 and pixels.shape[-1] == 3
    found.Rows, found.Columns = pixels.shape[:2] if colours or pixels.ndim == 2 else pixels.shape[1:]
    if pixels.ndim == 3 and not colours:
        found.NumberOfFrames = len(pixels)
    found.SamplesPerPixel, found.PhotometricInterpretation = (3, "RGB") if colours else (1, "MONOCHROME2")
    if colours:
        found.PlanarConfiguration = 0
    found.BitsAllocated = found.BitsStored = 8 * pixels.itemsize
    found.PixelRepresentation = int(pixels.dtype.kind == "i")
    found.SeriesInstanceUID = "1.2.3.4"
    for name, value in told.items():
        setattr(found, name, value)
    found.HighBit = found.BitsStored - 1
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    found.PixelData = content + bytes(len(content) % 2)
    found["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    pydicom.dcmwrite(path, found, enforce_file_format=True)
    return path
