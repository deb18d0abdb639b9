"""The size that images are brought to where nobody says one."""

from collections.abc import Sequence

from idm.data.images.decode import ImageHeader

LARGEST_SIZE = 64
"""Images are fitted to at most this size unless another is asked for."""


def fitting_size(headers: Sequence[ImageHeader]) -> int | None:
    """Side of the square that images are fitted to; None where all have one size that is kept, or there are none."""
    if not headers:
        return None
    sizes = {(header.width, header.height) for header in headers}
    if len(sizes) == 1 and max(max(size) for size in sizes) <= LARGEST_SIZE:
        return None
    shortest = min(min(size) for size in sizes)
    return min(LARGEST_SIZE, 1 << (shortest.bit_length() - 1))
