"""Fitting an image to a square."""

from PIL import Image


def fit_square(image: Image.Image, size: int) -> Image.Image:
    """Make a size x size image: halve by averaging, resize the short side (bicubic), crop the centre.

    As improved-diffusion's ImageDataset: halving goes on while the short side is at least twice ``size``.
    """
    while min(image.size) >= 2 * size:
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    width, height = fitted_size(*image.size, size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def fitted_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height with the short side scaled to ``size``."""
    scale = size / min(width, height)
    return round(width * scale), round(height * scale)
