"""TIFF: an image or a stack a file, in its own numbers."""

import io
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra
from idm.data.metadata import TiffMetadata
from idm.data.metadata.tiff import GEO_TAGS, RESOLUTION_UNIT
from idm.data.writers.base import TITLE, Form, SeparateWriter, wider

RGB_CHANNELS = 3
OF_IMAGEJ = frozenset({"uint8", "uint16", "float32"})
"""Types of numbers that ImageJ's own files have."""


@final
class TiffWriter(SeparateWriter):
    """Images and volumes of integers or floats without compression, bands as planes (needs tifffile).

    Resolution, tags of GeoTIFF and ImageJ's distances are those of the data; of the latter types of numbers that ImageJ
    lacks keep the resolution alone.
    """

    place, pattern, package = "tiff", rf"tiff/{TITLE}\.tif", ("tifffile", "tiff")

    def wanted(self, form: Form) -> str:
        """Want two or three axes of space."""
        return "" if len(form.shape) in (3, 4) else "images or volumes"

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".tif"

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return a file whose axes are named, as tifffile does it."""
        tifffile = import_extra("tifffile", "tiff", "formats")
        values, axes = wider(values, {"bool": "uint8"}), "ZYX" if values.ndim == 4 else "YX"
        is_colour = axes == "YX" and len(values) == RGB_CHANNELS and values.dtype.name in ("uint8", "uint16")
        known = form.metadata if isinstance(form.metadata, TiffMetadata) else TiffMetadata()
        of_imagej = bool(known.unit) and values.dtype.name in OF_IMAGEJ
        if len(values) == 1:
            values = values[0]
        elif is_colour:
            axes, values = "YXS", np.moveaxis(values, 0, -1)
        elif of_imagej and axes == "ZYX":  # the order of axes that ImageJ has
            axes, values = "ZCYX", np.moveaxis(values, 0, 1)
        else:
            axes = f"C{axes}"
        named: dict[str, Any] = {"axes": axes} | (_distances(known) if of_imagej else {})
        options = {"photometric": "rgb" if is_colour else "minisblack", "imagej": of_imagej, **_tags(known)}
        stream = io.BytesIO()
        tifffile.imwrite(stream, np.ascontiguousarray(values), metadata=named, **options)
        return stream.getvalue()


def _distances(known: TiffMetadata) -> dict[str, Any]:
    """Return what ImageJ notes of distances."""
    return {"unit": known.unit} | ({} if known.spacing is None else {"spacing": known.spacing})


def _tags(known: TiffMetadata) -> dict[str, Any]:
    """Return the resolution, and the tags of GeoTIFF, as tifffile is told them."""
    tags = dict(known.tags)
    further = [
        (code, GEO_TAGS[code], 0 if isinstance(value, str) else len(value), value, True)
        for code, value in known.tags
        if code in GEO_TAGS
    ]
    found: dict[str, Any] = {"extratags": further}
    if known.resolution is not None:
        found["resolution"] = known.resolution
    if (unit := tags.get(RESOLUTION_UNIT)) is not None:
        found["resolutionunit"] = unit[0]
    return found
