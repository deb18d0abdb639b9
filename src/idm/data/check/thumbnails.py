"""Small pictures of image files, those that training would refuse included."""

from pathlib import Path

import numpy as np
from PIL import Image

from idm.data.images.decode import FORMATS, MAX_PIXELS
from idm.data.images.orientation import upright

BACKGROUND = (128, 128, 128)
"""What transparent pixels are shown on."""


def thumbnail(path: Path, side: int) -> Image.Image | None:
    """Return an RGB picture of at most side x side; None where the file cannot be decoded or is too large."""
    if not path.is_file():
        return None
    try:
        with Image.open(path, formats=FORMATS) as image:
            return _shown(image, side) if image.width * image.height <= MAX_PIXELS else None
    except Exception:  # decoders raise whatever they stumble over in a damaged file
        return None


def _shown(image: Image.Image, side: int) -> Image.Image:
    seen = upright(image)
    if seen.mode.startswith(("I", "F")):
        seen = _eight_bit(seen)
    layered = seen.convert("RGBA")
    shown = Image.new("RGB", layered.size, BACKGROUND)
    shown.paste(layered, mask=layered)
    shown.thumbnail((side, side))
    return shown


def _eight_bit(image: Image.Image) -> Image.Image:
    """Spread deep pixels from their smallest to their largest value over 8 bits."""
    pixels = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = pixels.min(), pixels.max()
    return Image.fromarray((255 * (pixels - low) / ((high - low) or 1)).astype(np.uint8))
