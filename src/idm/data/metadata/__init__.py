"""Metadata of data, by kind: what a source read beside values, and a writer of files gives back."""

from typing import Any

from idm.data.metadata.base import Metadata
from idm.data.metadata.netcdf import NetCdfMetadata
from idm.data.metadata.nifti import NiftiMetadata

KINDS: dict[str, type[Metadata]] = {"netcdf": NetCdfMetadata, "nifti": NiftiMetadata}

NAMES = {kind: name for name, kind in KINDS.items()}


def metadata_to_plain(metadata: Metadata | None) -> dict[str, Any] | None:
    """Return JSON-able values, the kind among them."""
    return None if metadata is None else {"kind": NAMES[type(metadata)], **metadata.to_plain()}


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


__all__ = ["KINDS", "Metadata", "NetCdfMetadata", "NiftiMetadata", "metadata_from_plain", "metadata_to_plain"]
