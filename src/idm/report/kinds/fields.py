"""Fields: real values or channels of their own over two axes, in colours that have a bar."""

from collections.abc import Sequence
from typing import cast, final

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from idm.report.kinds.base import SamplePicture
from idm.report.kinds.panels import across, fitting, lay_panels, viridis


@final
class FieldPicture(SamplePicture):
    """The channels of each field side by side, from dark blue for small values to yellow for large ones."""

    @property
    def most(self) -> int:
        """As many as fit on a page."""
        return fitting(cast(tuple[int, int, int], self.shown.shape))

    def columns(self, count: int) -> int:
        """Return as many as make the picture about square."""
        return across(cast(tuple[int, int, int], self.shown.shape), count)

    def _laid_out(self, x: Float[Tensor, "n c h w"], columns: int, names: Sequence[str]) -> Image.Image:
        return lay_panels(x, self.shown, viridis(), columns, names)
