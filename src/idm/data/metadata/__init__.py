"""Metadata of data, by kind: what a source read beside values, and a writer of files gives back."""

from typing import Any

from idm.data.metadata.base import Metadata
from idm.data.metadata.dicom import DicomMetadata
from idm.data.metadata.edf import EdfMetadata
from idm.data.metadata.fits import FitsMetadata
from idm.data.metadata.netcdf import NetCdfMetadata
from idm.data.metadata.nifti import NiftiMetadata
from idm.data.metadata.tiff import TiffMetadata

KINDS: dict[str, type[Metadata]] = {
    "dicom": DicomMetadata,
    "edf": EdfMetadata,
    "fits": FitsMetadata,
    "netcdf": NetCdfMetadata,
    "nifti": NiftiMetadata,
    "tiff": TiffMetadata,
}

NAMES = {kind: name for name, kind in KINDS.items()}


def metadata_to_plain(metadata: Metadata | None) -> dict[str, Any] | None:
    """Return JSON-able values, the kind among them."""
    return None if metadata is None else {"kind": NAMES[type(metadata)], **metadata.to_plain()}


def of_pieces(metadata: Metadata | None, shape: tuple[int, ...]) -> Metadata | None:
    """Return what holds of pieces of a shape (c, *space) that are cut out of samples; None: nothing is known."""
    return None if metadata is None else metadata.of_pieces(shape)


def metadata_from_plain(plain: Any, shape: tuple[int, ...]) -> Metadata | None:
    """Restore what ``metadata_to_plain`` returned, for samples of a shape (c, *space).

    A kind that is not known, as later versions may write it, is no metadata.

    Raises:
        KeyError, TypeError, ValueError: something else.
    """
    if plain is None:
        return None
    if not isinstance(plain, dict) or not isinstance(plain.get("kind"), str):
        raise ValueError("metadata: values by name wanted")
    kind = KINDS.get(plain["kind"])
    return None if kind is None else kind.from_plain(plain, shape)


__all__ = [
    "KINDS",
    "DicomMetadata",
    "EdfMetadata",
    "FitsMetadata",
    "Metadata",
    "NetCdfMetadata",
    "NiftiMetadata",
    "TiffMetadata",
    "metadata_from_plain",
    "metadata_to_plain",
    "of_pieces",
]
