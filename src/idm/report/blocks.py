"""What a page is made of: paragraphs, pictures, tables, key figures. Each block writes itself as HTML.

Every text is escaped; pictures are embedded.
"""

import base64
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image

from idm.report.figures import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CSS_PIXELS_PER_INCH = 96

PAGE_PIXELS, WIDE_PIXELS = 960, 560
"""Width of a page; wider pictures are reduced, smoothly. Drawings that are wider than the second can be moved to the
side on a narrow page, where their letters would be too small to be read."""

LONG = ' class="long"'
"""How cells of a column of long texts are told."""

SHORT_CELL, LONG_CELL = 24, 60
"""Letters up to which all cells of a column stay on a line each, and from which on they have a width to break in."""

LARGEST_PNG_BYTES, WEBP_QUALITY = 250_000, 88
"""Larger pictures of pixels are embedded as WebP, whose loss is hardly seen: a page is sent by mail."""

Drawn: TypeAlias = "tuple[str, Image.Image | Figure]"
"""What is seen, and a picture or figure of it."""


class Block(ABC):
    """One part of a section."""

    @abstractmethod
    def html(self) -> str:
        """Write the block as HTML."""

    def drawn(self) -> Iterator[Drawn]:
        """Yield the pictures and figures of the block; none by default."""
        return iter(())


@dataclass(frozen=True)
class Paragraph(Block):
    """Running text."""

    text: str

    def html(self) -> str:
        """Write a ``p`` element."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Picture(Block):
    """A picture or figure with a caption.

    Attributes:
        content: pixels, which are shown one to one, with hard edges, or reduced where they are wider than a page; or a
            figure, also one that was turned into a picture and knows its dots per inch: its letters are as large as
            those of all figures.
        alt: what is seen, for those who cannot see it.
        caption: what it means; empty: no caption.
    """

    content: "Image.Image | Figure"
    alt: str
    caption: str = ""

    def html(self) -> str:
        """Write a ``figure`` element."""
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        return f"<figure>{_image(self.content, self.alt)}{caption}</figure>"

    def drawn(self) -> Iterator[Drawn]:
        """Yield the picture."""
        yield self.alt, self.content


@dataclass(frozen=True)
class LabelledPictures(Block):
    """Pictures that belong together, each with a short label.

    Attributes:
        items: labels and pictures.
        alt: what is seen; the label of a picture is added.
        caption: what it means; empty: no caption.
        across: side by side with labels below; else below each other with labels at the left.
    """

    items: Sequence[tuple[str, Image.Image]]
    alt: str
    caption: str = ""
    across: bool = False

    def html(self) -> str:
        """Write a ``figure`` element."""
        parts = [
            f'<div class="item"><span>{escape(label)}</span>{_image(picture, f"{self.alt}: {label}")}</div>'
            for label, picture in self.items
        ]
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        direction = "across" if self.across else "down"
        return f'<figure><div class="{direction}">{"".join(parts)}</div>{caption}</figure>'

    def drawn(self) -> Iterator[Drawn]:
        """Yield the pictures."""
        return ((f"{self.alt}: {label}", picture) for label, picture in self.items)


@dataclass(frozen=True)
class Table(Block):
    """Rows of text; columns after the first whose entries all start with a digit, after a sign, are set like numbers.

    Attributes:
        rows: the cells of every row.
        header: names of the columns; empty: none.
    """

    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()

    def html(self) -> str:
        """Write a ``table`` element that scrolls where it is too wide.

        On a narrow page the cells of a table with names of columns and long texts stand below each other, each after
        the name of its column.
        """
        kinds = [_kind_of_column(column, is_first=not i) for i, column in enumerate(zip(*self.rows, strict=True))]
        head = "".join(f"<th{kind}>{escape(name)}</th>" for name, kind in zip(self.header, kinds, strict=False))
        is_noted = bool(self.header) and LONG in kinds
        names = [f' data-column="{escape(name)}"' if is_noted else "" for name in self.header or [""] * len(kinds)]
        cells = [
            "".join(f"<td{kind}{name}>{escape(cell)}</td>" for cell, kind, name in zip(row, kinds, names, strict=True))
            for row in self.rows
        ]
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        head = f"<thead><tr>{head}</tr></thead>" if head else ""
        noted = ' class="noted"' if is_noted else ""
        return f'<div class="scroll"><table{noted}>{head}<tbody>{body}</tbody></table></div>'


@dataclass(frozen=True)
class Card:
    """A key figure.

    Attributes:
        value: the number, such as "1.745".
        label: what it is.
        error: its uncertainty, such as "0.016"; empty: none.
    """

    value: str
    label: str
    error: str = ""


@dataclass(frozen=True)
class Cards(Block):
    """Key figures side by side."""

    cards: Sequence[Card]

    def html(self) -> str:
        """Write a list of definitions."""
        parts = [
            f"<div><dd>{escape(card.value)}{_error(card.error)}</dd><dt>{escape(card.label)}</dt></div>"
            for card in self.cards
        ]
        return f'<dl class="cards">{"".join(parts)}</dl>'


def _kind_of_column(cells: Sequence[str], *, is_first: bool) -> str:
    """Return the class of the cells of a column: numbers, short texts that stay on a line, long ones that want room."""
    if not is_first and all(cell.lstrip("+-")[:1].isdigit() for cell in cells):
        return ' class="number"'
    longest = max(map(len, cells))
    return ' class="short"' if longest <= SHORT_CELL else LONG if longest > LONG_CELL else ""


def _error(error: str) -> str:
    return f"<small> ± {escape(error)}</small>" if error else ""


def _image(content: "Image.Image | Figure", alt: str) -> str:
    if isinstance(content, Image.Image):
        file, media = _pixels(content)
        size, dots = (content.width, content.height), content.info.get("dpi", (0, 0))[0]
        is_drawing = dots > 0 or content.width > PAGE_PIXELS
        kind = "drawing" if is_drawing else "pixels"
        width, height = (round(side * CSS_PIXELS_PER_INCH / dots) for side in size) if dots else size
    else:
        file, media, kind = png(content), "png", "drawing"
        width, height = (round(inches * CSS_PIXELS_PER_INCH) for inches in content.get_size_inches())
    kind += " wide" if kind == "drawing" and width > WIDE_PIXELS else ""
    source = f"data:image/{media};base64,{base64.b64encode(file).decode('ascii')}"
    return f'<img class="{kind}" src="{source}" alt="{escape(alt)}" width="{width}" height="{height}">'


def _pixels(picture: Image.Image) -> tuple[bytes, str]:
    """Return a file of a picture and its kind: as it is, unless that takes many bytes."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    if len(stream.getvalue()) <= LARGEST_PNG_BYTES:
        return stream.getvalue(), "png"
    small, stream = picture.copy(), io.BytesIO()
    small.thumbnail((2 * PAGE_PIXELS, 4 * PAGE_PIXELS))  # twice what a page shows; nothing where it is smaller
    small.save(stream, format="WEBP", quality=WEBP_QUALITY)
    return stream.getvalue(), "webp"
