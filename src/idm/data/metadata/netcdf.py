"""Names, units and coordinates of variables, as NetCDF files have them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from idm.data.metadata.base import LONGEST_TEXT, MOST_PLACES, Metadata, checked_numbers, checked_text, checked_whole

KEPT = ("units", "long_name", "standard_name", "axis", "positive", "calendar")
"""Attributes that are kept: text that says what numbers mean. Those that pack values have no meaning for others."""

MOST_NAMED = 1_000
"""Most variables, or axes, of a file."""

LARGEST_SIZE = 2**31

NAME = re.compile(r"[^\s/][^/]{0,199}")
"""Names that NetCDF allows."""


@final
@dataclass(frozen=True)
class Named:
    """A variable, or an axis.

    Attributes:
        name: its name.
        attributes: names and texts of what is said of it, such as ("units", "m s-1").
        size: places of an axis; 0 of a variable.
        values: coordinates of the places of an axis; None where there are none.
    """

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    size: int = 0
    values: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what NetCDF cannot hold.

        Raises:
            ValueError: it cannot.
        """
        if not NAME.fullmatch(checked_text(self.name)) or self.name in (".", ".."):
            raise ValueError("metadata: a name of NetCDF wanted")
        if not all(key in KEPT and checked_text(text) for key, text in self.attributes):
            raise ValueError(f"metadata: attributes among {', '.join(KEPT)} wanted")
        checked_whole(self.size, LARGEST_SIZE)
        if self.values is not None and len(checked_numbers(self.values, MOST_PLACES)) != self.size:
            raise ValueError("metadata: a coordinate for each place wanted")

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        values = None if self.values is None else list(self.values)
        return {"name": self.name, "attributes": dict(self.attributes), "size": self.size, "values": values}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Named":
        """Restore what ``to_plain`` returned; errors as of ``Metadata.from_plain``."""
        values = None if plain["values"] is None else checked_numbers(plain["values"], MOST_PLACES)
        attributes = tuple((key, checked_text(text)) for key, text in dict(plain["attributes"]).items())
        return cls(checked_text(plain["name"]), attributes, checked_whole(plain["size"], LARGEST_SIZE), values)


@final
@dataclass(frozen=True)
class NetCdfMetadata(Metadata):
    """The variables and axes of a file.

    Attributes:
        variables: what is measured; each is a channel, or one for each place along the axes of channels.
        channel_axes: axes whose places are channels.
        space: axes of space.
    """

    variables: tuple[Named, ...]
    channel_axes: tuple[Named, ...]
    space: tuple[Named, ...]

    def __post_init__(self) -> None:
        """Refuse two things of one name.

        Raises:
            ValueError: there are such, or too many.
        """
        names = [one.name for one in (*self.variables, *self.channel_axes, *self.space)]
        if not self.variables or len(names) > MOST_NAMED or len(set(names)) < len(names):
            raise ValueError("metadata: variables and axes of different names wanted")

    @property
    def units(self) -> tuple[str, ...]:
        """The attribute of that name of each channel's variable."""
        places = math.prod(axis.size for axis in self.channel_axes)
        return tuple(dict(one.attributes).get("units", "") for one in self.variables for _ in range(places))

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether it is that of samples of a shape (c, *space)."""
        channels = len(self.variables) * math.prod(axis.size for axis in self.channel_axes)
        return shape == (channels, *(axis.size for axis in self.space))

    def of_pieces(self, shape: tuple[int, ...]) -> "NetCdfMetadata":
        """Return names and units without coordinates."""
        axes = (replace(axis, size=size, values=None) for axis, size in zip(self.space, shape[1:], strict=True))
        return replace(self, space=tuple(axes))

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "variables": [one.to_plain() for one in self.variables],
            "channel_axes": [one.to_plain() for one in self.channel_axes],
            "space": [one.to_plain() for one in self.space],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "NetCdfMetadata":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of another shape.
        """
        parts = [plain[name][: MOST_NAMED + 1] for name in ("variables", "channel_axes", "space")]
        found = cls(*(tuple(map(Named.from_plain, part)) for part in parts))
        if not found.fits(shape):
            raise ValueError("metadata: axes of the samples' shape wanted")
        return found


def kept_attributes(attributes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return those attributes of a variable that are kept."""
    texts = {key: attributes[key] for key in KEPT if key in attributes}
    found = {
        key: value.decode(errors="replace") if isinstance(value, bytes) else str(value) for key, value in texts.items()
    }
    return tuple((key, text) for key, text in found.items() if text.isprintable() and 0 < len(text) <= LONGEST_TEXT)
