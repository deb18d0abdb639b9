"""FITS: a file for each sample, in the numbers of the data."""

import io
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra
from idm.data.metadata import FitsMetadata
from idm.data.writers.base import TITLE, Form, SeparateWriter, wider


@final
class FitsWriter(SeparateWriter):
    """Images, cubes and spectra, several channels along the slowest axis (needs astropy).

    Coordinates and unit are those of the data.
    """

    place, pattern, package = "fits", rf"fits/{TITLE}\.fits", ("astropy.io.fits", "fits")

    def wanted(self, form: Form) -> str:
        """Want axes of space."""
        return "" if len(form.shape) > 1 else "signals, images or volumes"

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".fits"

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return a file of one primary image."""
        fits = import_extra("astropy.io.fits", "fits", "formats")
        values = wider(values[0] if len(values) == 1 else values)
        stream = io.BytesIO()
        unit = fits.PrimaryHDU(np.ascontiguousarray(values))
        if isinstance(form.metadata, FitsMetadata):
            unit.header.update(form.metadata.of_axes(values.ndim).cards)
        unit.writeto(stream)
        return stream.getvalue()
