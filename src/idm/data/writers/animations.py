"""GIF and WebP: a volume a file, its slices as frames; or all images in one file, a frame each."""

import io
from collections.abc import Iterator
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idm.data.writers.base import TITLE, Form, SeparateWriter, ToWrite

SERIES = "series"
"""Name of the file of images, whatever its suffix."""

FRAME_MILLISECONDS = 100
"""How long a slice is shown."""


class AnimationWriter(SeparateWriter):
    """Volumes [depth, height, width] of one or three channels, to look at: 8 bits, black and white as in pictures.

    Images of one or three channels are the frames of one file, in their order, as of a series over time.
    """

    options: ClassVar[dict[str, Any]] = {}

    def wanted(self, form: Form) -> str:
        """Want volumes or images that can be shown."""
        fits = len(form.shape) in (3, 4) and form.shape[0] in (1, 3)
        return "" if fits else "images or volumes of one or three channels"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Go through the files, one for each volume; images are in one."""
        if len(samples.form.shape) == 4:
            yield from super().files(samples)
        else:
            series = np.moveaxis(samples.data, 0, 1)
            yield f"{self.place}/{SERIES}{self.suffix(samples.form)}", self.content(series, samples.form)

    def suffix(self, form: Form) -> str:
        """Return that of the format."""
        return f".{self.place}"

    def float_type(self, form: Form) -> np.dtype[Any] | None:
        """Return None: shades have 8 bits."""
        return None

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

    place, pattern = "gif", rf"gif/({TITLE}|{SERIES})\.gif"


@final
class WebpWriter(AnimationWriter):
    """Without loss."""

    place, pattern = "webp", rf"webp/({TITLE}|{SERIES})\.webp"
    options: ClassVar[dict[str, Any]] = {"lossless": True}
