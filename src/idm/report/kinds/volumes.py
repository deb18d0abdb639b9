"""Volumes: three planes through the middle, in their proportions."""

from collections.abc import Sequence
from typing import final

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from idm.report.frame import GREYS, with_captions
from idm.report.kinds.base import SamplePicture
from idm.report.kinds.panels import across, fitting, lay_panels
from idm.report.planes import middle_planes, planes_size


@final
class VolumePicture(SamplePicture):
    """The planes across each axis of every channel, black for small values and white for large ones."""

    @property
    def most(self) -> int:
        """As many as fit on a page."""
        return fitting(self._planes)

    def columns(self, count: int) -> int:
        """Return as many as make the picture about square."""
        return across(self._planes, count)

    def _laid_out(self, x: Float[Tensor, "n c d h w"], columns: int, names: Sequence[str]) -> Image.Image:
        picture = lay_panels(middle_planes(x, self._voxel), self.shown, GREYS, columns, names, has_gaps=True)
        return with_captions(picture, ["planes through the middle, across axis 0, 1 and 2"])

    @property
    def _voxel(self) -> tuple[float, ...]:
        return self.shown.voxel_size or (1.0, 1.0, 1.0)

    @property
    def _planes(self) -> tuple[int, int, int]:
        """Channels, height and width of the planes of a volume side by side."""
        return (self.shown.channels, *planes_size(self.shown.shape[1:], self._voxel))
