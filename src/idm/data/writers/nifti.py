"""NIfTI: a volume a file, with its place in the world."""

import gzip
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra
from idm.data.metadata import DicomMetadata, NiftiMetadata
from idm.data.metadata.nifti import ALIGNED
from idm.data.writers.base import TITLE, Form, SeparateWriter, wider

UNKNOWN = NiftiMetadata(tuple(np.eye(4).reshape(-1).tolist()))
"""The place of volumes of which none is known."""


@final
class NiftiWriter(SeparateWriter):
    """Volumes [x, y, z] and images [x, y], several channels along the fourth axis (needs nibabel).

    Of DICOM data the axes are columns, rows and slices, distances in mm; their directions are those of the body where
    all files agree on them, and their origin is the first pixel, since the place is not known.
    """

    place, pattern, package = "nifti", rf"nifti/{TITLE}\.nii(\.gz)?", ("nibabel", "nifti")

    def wanted(self, form: Form) -> str:
        """Want two or three axes of space."""
        return "" if len(form.shape) in (3, 4) else "images or volumes"

    def suffix(self, form: Form) -> str:
        """Return the suffix that the data had."""
        return ".nii.gz" if _place(form).packed else ".nii"

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return a file of the place that the data have."""
        if isinstance(form.metadata, DicomMetadata):  # whose planes lie along the first axis, and rows come next
            values = values.transpose(0, *range(values.ndim - 1, 0, -1))
        return nifti_bytes(values, _place(form))


def _place(form: Form) -> NiftiMetadata:
    known = form.metadata
    if isinstance(known, NiftiMetadata):
        return known
    if not isinstance(known, DicomMetadata) or not known.spacing:
        return UNKNOWN
    affine = known.affine
    matrix, code = (np.diag([*known.sizes, 1.0]), 0) if affine is None else (affine, ALIGNED)
    return NiftiMetadata(tuple(matrix.reshape(-1).tolist()), code, length="mm")


def nifti_bytes(values: NDArray[Any], place: NiftiMetadata) -> bytes:
    """Return a volume or image [c, *space] as a NIfTI file; channels of images, too, are along the fourth axis."""
    nibabel = import_extra("nibabel", "nifti", "formats")
    of_channels = np.moveaxis(values if values.ndim == 4 else values[..., None], 0, -1)
    arranged = values[0] if len(values) == 1 else of_channels
    kept = np.ascontiguousarray(wider(arranged))
    image = nibabel.Nifti1Image(kept, place.matrix, dtype=kept.dtype)
    # What the world is, such as that of a scanner or of an atlas, is told by a code beside the affine.
    image.set_sform(place.matrix, place.code)
    if not place.code:  # programs then see the size of voxels alone, which the other form holds
        image.set_qform(place.matrix, 0)
    image.header.set_xyzt_units(place.length, place.time)
    content = image.to_bytes()
    return gzip.compress(content, mtime=0) if place.packed else content
