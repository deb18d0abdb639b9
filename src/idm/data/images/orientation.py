"""Which way up an image is to be seen, as its tags say; what the tags say wrongly counts for nothing."""

from PIL import Image

ORIENTATION = 0x0112
"""EXIF tag: 1 upright; 2 to 8 mirrored or turned; from 5 on, width and height change places."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image of each orientation upright."""


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an image, 1 to 8; 1 without a tag, 0 where the tags are of another kind."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # tags may be damaged in any way; the pixels are sound nevertheless
        return 0
    return next((number for number in range(1, 9) if found == number), 0)


def upright(image: Image.Image) -> Image.Image:
    """Decode an image and return it as it is to be seen."""
    image.load()  # which turns TIFF files by itself, and takes their tag away
    turn = TURNS.get(orientation_of(image))
    return image if turn is None else image.transpose(turn)
