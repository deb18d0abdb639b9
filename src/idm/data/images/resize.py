"""Fitting an image to a square, or to another height and width."""

from dataclasses import dataclass

from PIL import Image

from idm.core.errors import DataError

ImageSize = int | tuple[int, int]
"""What ``image_size`` says: the side of a square, or height and width."""

LARGEST_SIDE = 5_656
"""Largest height and width that images are brought to: 5,656² is just below 32 million pixels."""


@dataclass(frozen=True)
class Frame:
    """Height and width that images are brought to; ``str`` gives them as messages do, width first."""

    height: int
    width: int

    def __str__(self) -> str:
        """Write width and height, in the order in which sizes of images are told."""
        return f"{self.width} x {self.height}"

    def scaled(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an image that is scaled until it just covers the frame."""
        scale = max(self.width / width, self.height / height)
        return round(width * scale), round(height * scale)

    def is_covered_by(self, width: int, height: int, times: int = 1) -> bool:
        """Whether an image is at least so many times as large, both ways."""
        return width >= times * self.width and height >= times * self.height


def frame_of(image_size: ImageSize | None) -> Frame | None:
    """Return what ``image_size`` says; None where images keep their size.

    Raises:
        DataError: neither one whole number nor two, or numbers out of range.
    """
    if image_size is None:
        return None
    sides = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(sides) != 2:
        raise DataError(f"image_size: one side, or height and width wanted, got {len(sides)} numbers; set it anew")
    if min(sides) < 1:
        raise DataError(f"image_size: at least 1 wanted, got {min(sides)}; set it higher")
    if max(sides) > LARGEST_SIDE:
        raise DataError(f"image_size: at most {LARGEST_SIDE:,} wanted, got {max(sides):,}; set it lower")
    return Frame(*sides)


def fit(image: Image.Image, frame: Frame) -> Image.Image:
    """Bring an image to a frame: halve it by averaging, resize it until it just covers it (bicubic), crop the centre.

    As improved-diffusion's ImageDataset, of which frames are squares: halving goes on while both sides are at least
    twice those of the frame.
    """
    while frame.is_covered_by(*image.size, times=2):
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    width, height = frame.scaled(*image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - frame.width) // 2, (height - frame.height) // 2
    return image.crop((left, top, left + frame.width, top + frame.height))
