"""PNG: a picture a file, in a folder for each class."""

import io
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idm.data.writers.base import TITLE, Form, SeparateWriter, ToWrite, in_file_name

DEEP, SHALLOW = 65_535, 255
"""White in files of 16 and of 8 bits."""


@final
class PngWriter(SeparateWriter):
    """Grey and RGB images of 8 bits, grey ones of 16; a folder of classes that ``image_folder`` reads."""

    place, pattern = "png", rf"png/([^/]+/)?{TITLE}\.png"

    def wanted(self, form: Form) -> str:
        """Want levels that a file of 8 or 16 bits holds."""
        is_shallow = (form.levels or 0) <= SHALLOW + 1
        channels, space = form.shape[0], form.shape[1:]
        fits = form.levels is not None and form.levels <= DEEP + 1 and len(space) == 2
        return "" if fits and (channels == 1 or (channels == 3 and is_shallow)) else "grey or RGB images of integers"

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".png"

    def float_type(self, form: Form) -> np.dtype[Any] | None:
        """Return None: pixels are levels."""
        return None

    def name(self, samples: ToWrite, row: int) -> str:
        """Return the name of the file of a sample: png/cat/00003_seed10.png."""
        kind = (in_file_name(samples.classes[row]) or "no-class") if samples.classes else ""
        return "/".join(filter(None, (self.place, kind, f"{samples.number(row)}{self.suffix(samples.form)}")))

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return a picture: of image files the values themselves, of others the levels from black to white."""
        kind, white = (np.uint8, SHALLOW) if (form.levels or 0) <= SHALLOW + 1 else (np.uint16, DEEP)
        if form.from_images:
            return png_bytes(np.rint(values).clip(0, white).astype(kind))
        low, high = (np.reshape(ends, (-1, 1, 1)) for ends in zip(*form.shown, strict=True))
        return png_bytes(np.rint(white * (values - low) / (high - low)).clip(0, white).astype(kind))


def png_bytes(pixels: NDArray[Any]) -> bytes:
    """Return pixels [1 or 3, height, width] as a file."""
    stream = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).save(stream, format="PNG")
    return stream.getvalue()
