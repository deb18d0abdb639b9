"""The size that images are brought to where nobody says one."""

from collections.abc import Sequence

from idm.data.images.decode import ImageHeader
from idm.data.images.resize import ImageSize

LARGEST_SIZE = 64
"""Images are fitted to at most this size unless another is asked for."""

MULTIPLE = 8
"""Both sides of images that are not square are multiples of this, so that a network can halve them three times."""


def fitting_size(headers: Sequence[ImageHeader]) -> ImageSize | None:
    """What images are fitted to; None where all have one size that is kept, or there are none.

    Larger images of one shape that is not square keep it, up to multiples of 8; others become squares.
    """
    if not headers:
        return None
    sizes = {(header.width, header.height) for header in headers}
    if len(sizes) == 1 and max(max(size) for size in sizes) <= LARGEST_SIZE:
        return None
    if len(sizes) == 1 and (frame := _kept(*next(iter(sizes)))):
        return frame
    shortest = min(min(size) for size in sizes)
    return min(LARGEST_SIZE, 1 << (shortest.bit_length() - 1))


def _kept(width: int, height: int) -> tuple[int, int] | None:
    """Height and width of one shape; None for squares, and for strips whose short side would vanish."""
    scale = LARGEST_SIZE / max(width, height)
    frame = tuple(int(side * scale) // MULTIPLE * MULTIPLE for side in (height, width))
    return (frame[0], frame[1]) if frame[0] != frame[1] and min(frame) else None
