"""The page of ``idm check-data``: what was found in data, with pictures of what is odd."""

from pathlib import Path

import numpy as np
from PIL import Image

from idm.core.phrasing import phrased
from idm.data import Codec
from idm.data.check import DataCheck, OddGroup, thumbnail
from idm.data.values.words import percent
from idm.report.blocks import Block, Card, Cards, LabelledPictures, Paragraph, Table
from idm.report.frame import has_scale, scale_in_words
from idm.report.page import Page
from idm.report.tiles import tiles

SIDE_PIXELS = 96
"""Largest side of a picture in pixels."""

PICTURES_PER_ROW, MOST_SHOWN = 8, 16
"""Pictures per row, and per group."""

MOST_LISTED = 200
"""Most rows of a table that are shown; further ones are counted."""


def write_data_page(path: str | Path, check: DataCheck) -> Path:
    """Write the page: one HTML file that needs nothing else."""
    verdict = "Training would refuse these data." if check.refusals else "Training would read these data."
    page = Page(f"Data: {Path(check.path).name}", f"{verdict} {check.path}")
    page.section("At a glance", *_glance(check))
    if check.refusals:
        page.section("Refused", *_table([(line,) for line in check.refusals]))
    if check.conversions:
        page.section("Converted on reading", Table([(words, f"{num:,}") for words, num in check.conversions.items()]))
    if check.classes is not None:
        page.section("Classes", *_table([(name, f"{num:,}") for name, num in check.classes.items()]))
    for name, values in check.counts.items():
        page.section(name.capitalize(), *_table([(value, f"{num:,}") for value, num in values.items()]))
    for group in check.odd:
        page.section(f"Odd: {group.reason}", *_pictures(check, group))
    if check.skipped:
        page.section("Skipped", *_table([(name,) for name in check.skipped]))
    return page.write(path)


def _glance(check: DataCheck) -> list[Block]:
    cards = [
        Card(f"{check.num_samples:,}", "samples"),
        Card(f"{len(check.refusals):,}", "refused"),
        Card(f"{sum(check.conversions.values()):,}", "conversions"),
        Card(f"{len(check.duplicates):,}", "groups of equal samples"),
        Card(f"{len(check.skipped):,}", "files skipped"),
    ]
    if check.low:
        cards.append(Card(f"{min(check.low):g} to {max(check.high):g}", "values"))
    if check.values is not None and check.values.share is not None:
        cards.append(Card(percent(check.values.share), f"of the range of {check.values.codec.dtype}"))
    if check.values is not None and check.values.distinct is not None:
        cards.append(Card(f"{check.values.distinct:,}", "different values"))
    chosen = [] if check.values is None else [Paragraph(f"Range: {check.values.choice}.")]
    return [
        Cards(cards),
        *chosen,
        *(Paragraph(f"{remark[:1].upper()}{remark[1:]}.") for remark in map(phrased, check.remarks)),
    ]


def _table(rows: list[tuple[str, ...]]) -> list[Block]:
    more = len(rows) - MOST_LISTED
    return [Table(rows[:MOST_LISTED]), *([Paragraph(f"... and {more:,} more.")] if more > 0 else [])]


def _pictures(check: DataCheck, group: OddGroup) -> list[Block]:
    """Show the first pictures of a group in rows; files that cannot be decoded are named only."""
    codec = None if check.values is None else check.values.codec
    found = [(name, _picture(check, codec, name)) for name in group.names[:MOST_SHOWN]]
    items = [(name, picture) for name, picture in found if picture is not None]
    rows = [items[first : first + PICTURES_PER_ROW] for first in range(0, len(items), PICTURES_PER_ROW)]
    blocks: list[Block] = [LabelledPictures(row, group.reason, across=True) for row in rows]
    if items and codec is not None and has_scale(codec):
        blocks.append(Paragraph(_scale(check, codec, items[0][0])))
    named = [name for name, picture in found if picture is None]
    if named:
        blocks.append(Paragraph(f"Without a picture: {', '.join(named)}."))
    if len(group.names) > MOST_SHOWN:
        blocks.append(Paragraph(f"... and {len(group.names) - MOST_SHOWN:,} more."))
    return blocks


def _scale(check: DataCheck, codec: Codec, name: str) -> str:
    """Say which values the picture of a sample shows: that of a file is spread over its own."""
    if check.opened is None or _file(check, name).is_file():
        return "Each picture goes from its smallest value, black, to its largest, white."
    return f"Scale, {scale_in_words(codec, check.opened.shape)}."


def _file(check: DataCheck, name: str) -> Path:
    """Return where a sample lies that is a file of its own."""
    return (Path(check.index.folder) if check.index else Path(check.path)) / name


def _picture(check: DataCheck, codec: Codec | None, name: str) -> Image.Image | None:
    if (file := _file(check, name)).is_file():
        return thumbnail(file, SIDE_PIXELS)
    source = check.opened
    if source is None or codec is None or len(source.shape) < 2:
        return None
    row = source.names.index(name) if source.names else int(name)
    picture = Image.fromarray(tiles(codec.encode(source.read(np.array([row]))), codec, min_side=SIDE_PIXELS // 2)[0])
    picture.thumbnail((2 * SIDE_PIXELS, 2 * SIDE_PIXELS))
    return picture
