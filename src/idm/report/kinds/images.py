"""Images: as they are, grey or in their colours."""

from collections.abc import Sequence
from typing import final

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from idm.report.frame import with_captions, with_names, with_scale
from idm.report.kinds.base import SamplePicture
from idm.report.kinds.panels import reduced
from idm.report.pictures import grid, tiles_in_row

MOST_PIXELS = 4096
"""Most pixels of a grid of images from side to side; beyond it images are shown smaller."""


@final
class ImagePicture(SamplePicture):
    """A grid of grey or RGB images; of more than 8 bits, with the scale of their values below it."""

    @property
    def most(self) -> int:
        """An eight by eight grid."""
        return 64

    def columns(self, count: int) -> int:
        """Return as many as make a square grid."""
        return tiles_in_row(count)

    def _laid_out(self, x: Float[Tensor, "n c h w"], columns: int, names: Sequence[str]) -> Image.Image:
        x, remark = reduced(x, MOST_PIXELS // columns)
        picture = with_names(grid(x, self.shown.codec, columns=columns), names)
        return with_captions(with_scale(picture, self.shown.codec, self.shown.shape), remark)
