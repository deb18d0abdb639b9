"""TIFF: an image or a stack a file, in its own numbers."""

import io
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra
from idm.data.writers.base import TITLE, Form, SeparateWriter, wider

RGB_CHANNELS = 3


@final
class TiffWriter(SeparateWriter):
    """Images and volumes of integers or floats without compression, bands as planes (needs tifffile)."""

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
        if len(values) == 1:
            values = values[0]
        elif is_colour:
            axes, values = "YXS", np.moveaxis(values, 0, -1)
        else:
            axes = f"C{axes}"
        stream, kind = io.BytesIO(), "rgb" if is_colour else "minisblack"
        tifffile.imwrite(stream, np.ascontiguousarray(values), photometric=kind, metadata={"axes": axes})
        return stream.getvalue()
