"""GIF and WebP: a volume a file, its slices as frames."""

import io
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idm.data.writers.base import TITLE, Form, SeparateWriter

FRAME_MILLISECONDS = 100
"""How long a slice is shown."""


class AnimationWriter(SeparateWriter):
    """Volumes [depth, height, width] of one or three channels, to look at: 8 bits, black and white as in pictures."""

    options: ClassVar[dict[str, Any]] = {}

    def wanted(self, form: Form) -> str:
        """Want volumes that can be shown."""
        return "" if len(form.shape) == 4 and form.shape[0] in (1, 3) else "volumes of one or three channels"

    def suffix(self, form: Form) -> str:
        """Return that of the format."""
        return f".{self.place}"

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return an animation, slice by slice along the first axis of space, for ever."""
        low, high = (np.reshape(ends, (-1, 1, 1, 1)) for ends in zip(*form.shown, strict=True))
        shades = np.rint(255 * (values.astype(np.float64) - low) / (high - low)).clip(0, 255).astype(np.uint8)
        slices = shades[0] if len(shades) == 1 else np.moveaxis(shades, 0, -1)
        first, *others = map(Image.fromarray, slices)
        stream, kind = io.BytesIO(), self.place.upper()
        first.save(
            stream,
            format=kind,
            save_all=True,
            append_images=others,
            duration=FRAME_MILLISECONDS,
            loop=0,
            **self.options,
        )
        return stream.getvalue()


@final
class GifWriter(AnimationWriter):
    """Grey volumes exactly in 8 bits; colours are reduced to 256."""

    place, pattern = "gif", rf"gif/{TITLE}\.gif"


@final
class WebpWriter(AnimationWriter):
    """Without loss."""

    place, pattern = "webp", rf"webp/{TITLE}\.webp"
    options: ClassVar[dict[str, Any]] = {"lossless": True}
