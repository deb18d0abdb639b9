"""Kinds of pixels, and which of them each of Pillow's modes is."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PixelKind:
    """A kind of pixels: the Pillow mode they are read in, how many channels that has, and its dtype."""

    name: str
    mode: str
    channels: int
    dtype: np.dtype[Any]


GREY_8 = PixelKind("8-bit grey", "L", 1, np.dtype(np.uint8))
RGB_8 = PixelKind("8-bit RGB", "RGB", 3, np.dtype(np.uint8))
GREY_16 = PixelKind("16-bit grey", "I;16", 1, np.dtype(np.uint16))
GREY_ALPHA_8 = PixelKind("8-bit grey with alpha", "LA", 2, np.dtype(np.uint8))
RGBA_8 = PixelKind("8-bit RGB with alpha", "RGBA", 4, np.dtype(np.uint8))

GREY = frozenset({GREY_8, GREY_16, GREY_ALPHA_8})
WITH_ALPHA = frozenset({GREY_ALPHA_8, RGBA_8})
OF = {(True, False): GREY_8, (True, True): GREY_ALPHA_8, (False, False): RGB_8, (False, True): RGBA_8}
"""The kind of 8 bits that is grey or not, with alpha or not."""

DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
KINDS = {"1": GREY_8, "L": GREY_8, "P": RGB_8, "RGB": RGB_8} | dict.fromkeys(DEEP, GREY_16)
"""Kind of pixels of each Pillow mode that is read as it is."""

TRANSPARENT = {"LA": GREY_8, "La": GREY_8, "RGBA": RGB_8, "RGBa": RGB_8, "PA": RGB_8}
OTHERS = dict.fromkeys(("CMYK", "YCbCr", "HSV", "RGBX"), RGB_8)
READABLE = KINDS | TRANSPARENT | OTHERS
"""Kind of pixels, without alpha, of each Pillow mode that can be converted."""

UNMULTIPLIED = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"} | dict.fromkeys(OTHERS, "RGB")
"""What Pillow turns other modes into before anything else."""

REFUSED = {"I": "32-bit integers", "F": "floats"} | dict.fromkeys(TRANSPARENT, "transparency")
WAY_OUT = {
    "transparency": "flatten it onto a background colour",
    "32-bit integers": "save the data as .npy",
    "floats": "save the data as .npy",
}
