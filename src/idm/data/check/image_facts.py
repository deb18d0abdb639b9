"""What is in an image file, and what reading it as training does would do to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from idm.data.images.decode import FORMATS, TAGS
from idm.data.images.items import Place, source_of
from idm.data.images.orientation import orientation_of
from idm.data.images.pixels import PixelPolicy

SUFFIXES_OF = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
}
"""Which suffixes each format has."""

WIDENED = {"1": "black and white spread over 8-bit grey", "P": "palette read as RGB"}
"""What becomes of these modes of Pillow."""

UNAPPLIED = {"icc_profile": "colour profile not applied", "gamma": "gamma not applied"}
"""What files may hold besides pixels that would change how they are shown."""


X_RESOLUTION = 282
"""The tag of TIFF that counts pixels per unit of length."""


@dataclass(frozen=True)
class ImageFacts:
    """What the header of an image file says.

    Attributes:
        format: format found in the file.
        mode: pixels as Pillow calls them.
        size: stored width and height.
        orientation: EXIF orientation, 1 to 8; 0 if the tag has another value.
        conversions: what is done on reading, in words.
        has_resolution: whether it is a TIFF file that says how large a pixel is.
    """

    format: str
    mode: str
    size: tuple[int, int]
    orientation: int
    conversions: tuple[str, ...]
    has_resolution: bool = False


def read_facts(place: Place, policy: PixelPolicy) -> ImageFacts | None:
    """Read the header of an image; None where it is of no format that is read."""
    try:
        with Image.open(source_of(place), formats=FORMATS) as image:
            return _facts(Path(str(place)), image, policy)
    except Exception:  # decoders raise whatever they stumble over; what they say is part of the refusal
        return None


def _facts(path: Path, image: Image.Image, policy: PixelPolicy) -> ImageFacts:
    name, tagged = str(image.format), not TAGS.isdisjoint(image.info) or image.format == "TIFF"
    orientation = orientation_of(image) if tagged else 1
    words = [*policy.conversions(image), *([WIDENED[image.mode]] if image.mode in WIDENED else [])]
    if image.mode == "L" and _is_shallow(image):
        words.append("few greys spread over 8 bits")
    if orientation > 1:
        words.append(f"turned upright (EXIF orientation {orientation})")
    words += [text for key, text in UNAPPLIED.items() if image.info.get(key)]
    if name == "MPO":
        words.append("first of several pictures in the file")
    if path.suffix.lower() not in SUFFIXES_OF[name]:
        words.append(f"{name} file of another name")
    return ImageFacts(name, image.mode, image.size, orientation, tuple(words), _has_resolution(image))


def _has_resolution(image: Any) -> bool:
    """Whether a TIFF file says how large a pixel is; 1 stands for nothing said."""
    return image.format == "TIFF" and float(image.tag_v2.get(X_RESOLUTION, 1)) != 1


def _is_shallow(image: Any) -> bool:
    """Whether grey pixels have 1, 2 or 4 bits."""
    return any(f";{bits}" in str(tile.args) for tile in image.tile for bits in (1, 2, 4) if ";16" not in str(tile.args))
