"""Small pictures for tests: made, saved, and read back."""

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def noise(height, width, channels=3):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return RNG.integers(0, 256, shape).astype(np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def only(source):
    """The single image of a source, as h w or h w c."""
    assert len(source) == 1
    return source[0][0] if source.shape[0] == 1 else source[0].transpose(1, 2, 0)
