"""What TIFF files say of the place and size of pixels: resolution, tags of GeoTIFF, distances of ImageJ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from idm.data.metadata.base import LARGEST_NUMBER, Metadata, checked_numbers, checked_text

Number = int | float
Tag = tuple[int, tuple[Number, ...] | str]
"""Number of a tag, and its values."""

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
"""Pixels of a length each as numerator and denominator; and the length: 1 of none that is said, 2 inch, 3 cm."""

UNTOLD = {X_RESOLUTION: (1, 1), Y_RESOLUTION: (1, 1), RESOLUTION_UNIT: (1,)}
"""Values of files that say nothing of the size of pixels."""

SHORT, DOUBLE, TEXT = 3, 12, 2
"""TIFF's codes of types."""

GEO_TAGS = {33550: DOUBLE, 33922: DOUBLE, 34264: DOUBLE, 34735: SHORT, 34736: DOUBLE, 34737: TEXT}
"""Tags of GeoTIFF with their type: scale, tie points and transformation of pixels, keys, and values of keys."""

KEPT = (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, *GEO_TAGS)
"""All tags that are kept."""

OF_PLACE = frozenset({33922, 34264})
"""Those that say where the first pixel lies."""

LONGEST_UNIT = 64
"""Characters of the unit that ImageJ notes."""

MOST_VALUES, LARGEST_SHORT, LARGEST_LONG, LONGEST_TEXT = 4_096, 2**16 - 1, 2**32 - 1, 4_096


@final
@dataclass(frozen=True)
class TiffMetadata(Metadata):
    """Tags of files.

    Attributes:
        tags: number and values of each, as they came: those of resolution and of GeoTIFF.
        spacing: distance of planes in ImageJ's unit; None: it is not known.
        unit: ImageJ's unit of lengths, of which resolutions are then, too; "": the file is not of ImageJ.
    """

    tags: tuple[Tag, ...] = ()
    spacing: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse other tags, and values that TIFF cannot hold.

        Raises:
            ValueError: there are.
        """
        if len(dict(self.tags)) < len(self.tags) or not all(is_kept(*tag) for tag in self.tags):
            raise ValueError("metadata: tags of resolution and of GeoTIFF wanted, each once")
        if self.spacing is not None and not (type(self.spacing) is float and 0 < self.spacing <= LARGEST_NUMBER):
            raise ValueError("metadata: a distance of planes wanted")
        checked_text(self.unit)

    @property
    def resolution(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Pixels of a length along x and y, as numerator and denominator; None: not known."""
        known = dict(self.tags)
        x, y = (known.get(code) for code in (X_RESOLUTION, Y_RESOLUTION))
        if not isinstance(x, tuple) or not isinstance(y, tuple):
            return None
        return (int(x[0]), int(x[1])), (int(y[0]), int(y[1]))

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """Distances of planes, rows and columns, where all are known in one unit, which ImageJ says alone."""
        if self.spacing is None or self.resolution is None:
            return None
        (x, of_x), (y, of_y) = self.resolution
        return (self.spacing, of_y / y, of_x / x)

    def of_pieces(self, shape: tuple[int, ...]) -> "TiffMetadata":
        """Return all but where the first pixel lies."""
        return replace(self, tags=tuple(tag for tag in self.tags if tag[0] not in OF_PLACE))

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        tags = [[code, value if isinstance(value, str) else list(value)] for code, value in self.tags]
        return {"tags": tags, "spacing": self.spacing, "unit": self.unit}

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "TiffMetadata":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        tags = [(code, value if isinstance(value, str) else tuple(value)) for code, value in plain["tags"]]
        if not all(is_kept(*tag) for tag in tags):
            raise ValueError("metadata: tags of resolution and of GeoTIFF wanted")
        spacing = None if plain["spacing"] is None else checked_numbers([plain["spacing"]], 1)[0]
        return cls(tuple(tags), spacing, checked_text(plain["unit"]))


def is_kept(code: int, value: object) -> bool:
    """Whether a tag is one that is kept, with values that it may have."""
    if type(code) is not int or code not in KEPT:
        return False
    if GEO_TAGS.get(code) == TEXT:
        return isinstance(value, str) and len(value) <= LONGEST_TEXT and value.isascii()
    if not isinstance(value, tuple) or not 0 < len(value) <= MOST_VALUES:
        return False
    if GEO_TAGS.get(code) == DOUBLE:
        return all(type(number) in (int, float) and abs(number) <= LARGEST_NUMBER for number in value)
    if code in (X_RESOLUTION, Y_RESOLUTION):
        return len(value) == 2 and all(type(number) is int and 0 < number <= LARGEST_LONG for number in value)
    return all(type(number) is int and 0 <= number <= LARGEST_SHORT for number in value)


def kept_tags(found: Mapping[int, Any], imagej: Mapping[str, object]) -> TiffMetadata | None:
    """Return what is kept of the tags of a page and of what ImageJ noted; None: nothing is.

    Args:
        found: value of each tag by its number.
        imagej: what ImageJ noted, by name; empty where it did not.
    """
    every: dict[int, Any] = {
        code: value if isinstance(value, (str, tuple)) else (value,) for code, value in found.items()
    }
    tags: list[Tag] = [(code, values) for code, values in every.items() if is_kept(code, values)]
    spacing, unit = imagej.get("spacing"), imagej.get("unit", "pixel")
    if all(values == UNTOLD.get(code, values) for code, values in tags):
        tags = [tag for tag in tags if tag[0] not in UNTOLD]
    text = unit if isinstance(unit, str) and unit.isprintable() and len(unit) <= LONGEST_UNIT else "pixel"
    of_imagej = text.encode("ascii", "backslashreplace").decode() if imagej else ""
    distance = float(spacing) if isinstance(spacing, (int, float)) and 0 < spacing <= LARGEST_NUMBER else None
    made = TiffMetadata(tuple(sorted(tags)), distance, of_imagej)
    return made if made != TiffMetadata() else None
