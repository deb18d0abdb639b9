"""What becomes of pixels that are neither grey nor RGB: transparency, CMYK, 16-bit colour."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped
from PIL import Image

from idm.core.errors import DataError
from idm.data.images.kinds import (
    DEEP,
    GREY,
    GREY_16,
    KINDS,
    OF,
    OTHERS,
    READABLE,
    REFUSED,
    TRANSPARENT,
    UNMULTIPLIED,
    WAY_OUT,
    WITH_ALPHA,
    PixelKind,
)

PixelRule = Literal["refuse", "convert", "white", "black", "keep"]
"""What the option ``pixels`` of sources of images says."""


class PixelPolicy(ABC):
    """What is read, and as which kind of pixels."""

    @abstractmethod
    def kind_of(self, place: object, image: Any) -> PixelKind:
        """Say which kind an image is read as, by its header; ``place`` names it in messages.

        Raises:
            DataError: one that is not read.
        """

    @abstractmethod
    def shared(self, kinds: Sequence[PixelKind]) -> PixelKind:
        """Return the kind that images of these kinds, at least one, are all read as."""

    @abstractmethod
    def suits(self, found: PixelKind, wanted: PixelKind) -> bool:
        """Whether an image of one kind can be read as another."""

    @abstractmethod
    def pixels(self, image: Image.Image, kind: PixelKind) -> Shaped[np.ndarray, "h w *c"]:
        """Return the pixels of a decoded image as that kind."""

    @abstractmethod
    def conversions(self, image: Any) -> tuple[str, ...]:
        """Say in words what an image loses or gains, by its header."""

    def without_advice(self) -> "PixelPolicy":
        """Return the same for files of a run that is trained already, whose settings do not change any more."""
        return self


@dataclass(frozen=True)
class RefuseOthers(PixelPolicy):
    """Only grey and RGB without transparency, all files of the kind of the first.

    Attributes:
        converting: what messages add where the files of a source may be converted.
        flattening: the same of transparency.
    """

    converting: str = ""
    flattening: str = ""

    def kind_of(self, place: object, image: Any) -> PixelKind:
        """Refuse what would lose something."""
        if _is_transparent(image):
            raise _refused(place, "transparency", self.flattening)
        if image.mode not in KINDS:
            raise _refused(place, _in_words(image), self.converting if image.mode in OTHERS else "")
        kind = KINDS[image.mode]
        if kind is not GREY_16 and _is_deep(image):
            raise DataError(
                f"{place}: 8-bit colour wanted, got 16-bit colour; save it with 8 bits, or the data as .npy"
                f"{self.converting}"
            )
        return kind

    def shared(self, kinds: Sequence[PixelKind]) -> PixelKind:
        """Return the first."""
        return kinds[0]

    def suits(self, found: PixelKind, wanted: PixelKind) -> bool:
        """Whether they are one."""
        return found is wanted

    def pixels(self, image: Image.Image, kind: PixelKind) -> Shaped[np.ndarray, "h w *c"]:
        """Spread 1-bit grey over 8 bits, look colours up in a palette, and leave all else as it is."""
        widened = image.convert(kind.mode) if image.mode in ("1", "P") else image
        return np.asarray(widened).astype(kind.dtype)

    def conversions(self, image: Any) -> tuple[str, ...]:
        """Say nothing: nothing is lost."""
        return ()

    def without_advice(self) -> PixelPolicy:
        """Refuse without naming settings."""
        return REFUSE_OTHERS


class Convert(PixelPolicy):
    """Every image as the kind that holds all: grey as RGB beside RGB, the upper 8 bits of 16 beside 8; no alpha."""

    transparency = "transparency left out"

    def kind_of(self, place: object, image: Any) -> PixelKind:
        """Refuse what Pillow does not convert."""
        if image.mode not in READABLE:
            raise _refused(place, _in_words(image))
        return self._kind(place, image, READABLE[image.mode])

    def shared(self, kinds: Sequence[PixelKind]) -> PixelKind:
        """Return the kind that loses nothing but depth: colour if there is any, alpha if there is any."""
        if all(kind is GREY_16 for kind in kinds):
            return GREY_16
        return OF[all(kind in GREY for kind in kinds), any(kind in WITH_ALPHA for kind in kinds)]

    def suits(self, found: PixelKind, wanted: PixelKind) -> bool:
        """Whether the other kind holds it."""
        return self.shared((found, wanted)) is wanted

    def pixels(self, image: Image.Image, kind: PixelKind) -> Shaped[np.ndarray, "h w *c"]:
        """Convert, through the modes that Pillow converts directly."""
        if image.mode in DEEP:
            values = np.asarray(image).astype(np.uint16)
            if kind is GREY_16:
                return values
            image = Image.fromarray((values >> 8).astype(np.uint8))
        if image.mode in UNMULTIPLIED:
            image = image.convert(UNMULTIPLIED[image.mode])
        return np.asarray(self._flattened(image).convert(kind.mode))

    def conversions(self, image: Any) -> tuple[str, ...]:
        """Name what is converted, and what becomes of transparency."""
        words = [self.transparency] if _is_transparent(image) else []
        words += [f"{image.mode} colours read as RGB"] if image.mode in OTHERS else []
        words += ["16-bit colour read with 8 bits"] if image.mode not in DEEP and _is_deep(image) else []
        return tuple(words)

    def _kind(self, place: object, image: Any, kind: PixelKind) -> PixelKind:
        """Return the kind of an image that is ``kind`` without its transparency."""
        return kind

    def _flattened(self, image: Image.Image) -> Image.Image:
        """Return what is converted to the kind that is wanted: of palettes with transparency the colours."""
        return image.convert("RGBA") if image.mode == "P" and image.has_transparency_data else image


class OnBackground(Convert):
    """As ``Convert``, with what is transparent on a background of one grey."""

    def __init__(self, name: str, level: int) -> None:
        """Take the background.

        Args:
            name: what messages call it.
            level: its grey level, 0 to 255.
        """
        self._level, self.transparency = level, f"transparency laid on {name}"

    def _kind(self, place: object, image: Any, kind: PixelKind) -> PixelKind:
        _refuse_unscaled(place, image)
        return kind

    def _flattened(self, image: Image.Image) -> Image.Image:
        if not image.has_transparency_data:
            return image
        below = Image.new("RGBA", image.size, (self._level, self._level, self._level, 255))
        return Image.alpha_composite(below, image.convert("RGBA"))


class KeepAlpha(Convert):
    """As ``Convert``, with alpha as a further channel, 255 where an image has none."""

    transparency = "transparency kept as a channel"

    def _kind(self, place: object, image: Any, kind: PixelKind) -> PixelKind:
        _refuse_unscaled(place, image)
        return OF[kind in GREY, True] if _is_transparent(image) else kind


def _refuse_unscaled(place: object, image: Any) -> None:
    """Refuse one transparent colour of other than 8 bits, which Pillow does not bring to 8 bits with the pixels."""
    is_colour = image.mode in KINDS and image.mode != "P" and image.info.get("transparency") is not None
    if is_colour and (image.mode == "1" or any(";" in str(tile.args) for tile in image.tile)):
        raise DataError(f"{place}: 8 bits wanted beside transparency, got more or fewer; save it with 8 bits")


def _is_transparent(image: Any) -> bool:
    return image.mode in TRANSPARENT or image.info.get("transparency") is not None


def _is_deep(image: Any) -> bool:
    return any(";16" in str(tile.args) for tile in image.tile)


def _in_words(image: Any) -> str:
    return REFUSED.get(image.mode, f"{image.mode} colours")


def _refused(place: object, what: str, more: str = "") -> DataError:
    way_out = WAY_OUT.get(what, "convert it to RGB")
    return DataError(f"{place}: grey or RGB wanted, got {what}; {way_out}{more}")


REFUSE_OTHERS = RefuseOthers()
"""What is read where nothing can be told to convert."""

POLICIES: dict[str, PixelPolicy] = {
    "refuse": RefuseOthers(", or set data.source.pixels=convert", ", or set data.source.pixels=white"),
    "convert": Convert(),
    "white": OnBackground("white", 255),
    "black": OnBackground("black", 0),
    "keep": KeepAlpha(),
}


def policy_of(rule: str | None) -> PixelPolicy:
    """Return what a source does that is told a rule, or nothing.

    Raises:
        DataError: no such rule.
    """
    name = rule or "refuse"
    if name not in POLICIES:
        raise DataError(f"pixels: {', '.join(POLICIES)} wanted, got '{name}'; set data.source.pixels to one of them")
    return POLICIES[name]
