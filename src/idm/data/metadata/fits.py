"""What headers of FITS files say of images: coordinates on the sky or elsewhere (WCS), and units."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from idm.data.metadata.base import LARGEST_NUMBER, Metadata, checked_whole

UNIT = "BUNIT"
"""The card of the unit of the values."""

SIP = re.compile(r"(?:AP?|BP?)_(?:ORDER|\d_\d)|[AB]_DMAX")
"""Cards of a distortion by polynomials (SIP, Shupe et al. 2005), of the first two axes."""

TABLE, BY_TABLE = re.compile(r"(?:CPDIS|CQDIS|D2IMDIS)[1-4]|PS[1-4]_0"), "-TAB"
"""Cards, and the end of a CTYPE, of coordinates that a table beside the image tells, which is not kept."""

CARD = re.compile(
    r"BUNIT|WCSNAME|RADESYS|EQUINOX|LONPOLE|LATPOLE|SPECSYS|RESTFRQ|RESTWAV"
    r"|(?:CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)(?P<axis>[1-4])|(?:CD|PC)(?P<i>[1-4])_(?P<j>[1-4])|PV(?P<of>[1-4])_\d\d?"
    rf"|{SIP.pattern}"
)
"""Cards that are kept, and the axes that they are of."""

MOST_CARDS, LONGEST_VALUE = 400, 68
"""Most cards, and most characters of a text that fits into one."""

MOST_CHANNELS = 2**31

Card = tuple[str, str | int | float]
"""Keyword and value."""


@final
@dataclass(frozen=True)
class FitsMetadata(Metadata):
    """Cards of headers.

    Attributes:
        cards: keyword and value of each.
        num_channels: channels of a sample, all in the same unit.
    """

    cards: tuple[Card, ...]
    num_channels: int = 1

    def __post_init__(self) -> None:
        """Refuse other cards.

        Raises:
            ValueError: there are.
        """
        names = [name for name, _ in self.cards]
        if len(names) > MOST_CARDS or len(set(names)) < len(names) or not all(map(_is_kept, self.cards)):
            raise ValueError("metadata: cards of coordinates and units wanted, each once")
        checked_whole(self.num_channels, MOST_CHANNELS)

    @property
    def units(self) -> tuple[str, ...] | None:
        """The unit of the values, for each channel."""
        unit = dict(self.cards).get(UNIT)
        return (unit,) * self.num_channels if isinstance(unit, str) else None

    def of_axes(self, count: int) -> "FitsMetadata":
        """Leave out what is said of axes beyond the first so many; FITS numbers the one that varies fastest by 1."""
        return replace(self, cards=tuple(card for card in self.cards if max(_axes(card[0]), default=0) <= count))

    def of_pieces(self, shape: tuple[int, ...]) -> "FitsMetadata | None":
        """Return the unit alone."""
        cards = _unit(self.cards)
        return replace(self, cards=cards) if cards else None

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {"cards": dict(self.cards), "num_channels": self.num_channels}

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "FitsMetadata":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of other channels.
        """
        cards = tuple(dict(plain["cards"]).items())
        if not all(map(_is_kept, cards)):
            raise ValueError("metadata: cards of coordinates and units wanted")
        found = cls(cards, checked_whole(plain["num_channels"], MOST_CHANNELS))
        if found.num_channels != shape[0]:
            raise ValueError("metadata: as many channels as the samples have wanted")
        return found


def kept_cards(header: Mapping[str, Any]) -> tuple[Card, ...]:
    """Return those cards of a header that are kept, without those whose values make no sense.

    Of coordinates that need more than these cards the unit alone is kept: without the rest they would be others.
    """
    found = {name: header[name] for name in header if CARD.fullmatch(name)}
    cards = tuple(card for card in found.items() if _is_kept(card))
    by_table = any(map(TABLE.fullmatch, header)) or any(
        name.startswith("CTYPE") and str(value).rstrip().endswith(BY_TABLE) for name, value in cards
    )
    return _unit(cards) if by_table or len(cards) > MOST_CARDS else cards


def agreed(files: Sequence[tuple[Card, ...]]) -> tuple[Card, ...]:
    """Return the cards of all files where they are the same, or else their unit, if that is."""
    if len({frozenset(cards) for cards in files}) == 1:
        return files[0]
    units = {dict(cards).get(UNIT) for cards in files}
    return _unit(files[0]) if len(units) == 1 else ()


def _unit(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    """Return the card of the unit, if it is there."""
    return tuple(card for card in cards if card[0] == UNIT)


def _is_kept(card: Card) -> bool:
    name, value = card
    if type(name) is not str or not CARD.fullmatch(name):
        return False
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE and value.isascii() and value.isprintable()
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER


def _axes(name: str) -> list[int]:
    """Return the numbers of the axes that a card is of."""
    if SIP.fullmatch(name):
        return [1, 2]
    found = CARD.fullmatch(name)
    return [] if found is None else [int(number) for number in found.groups() if number is not None]
