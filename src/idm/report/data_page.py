"""The page of ``idm check-data``: what was found in data, what they look like, and what is odd."""

from pathlib import Path

import numpy as np

from idm.core.phrasing import phrased
from idm.data.check import DataCheck, OddGroup, thumbnail
from idm.data.values.words import percent
from idm.report.blocks import Block, Card, Cards, LabelledPictures, Paragraph, Picture, Table
from idm.report.data_look import sections, shown_of
from idm.report.frame import has_scale
from idm.report.kinds import picture_for
from idm.report.page import Page

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
    if check.opened is not None and check.values is not None:
        for heading, block in sections(check.opened, check.values.codec):
            page.section(heading, block)
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
        cards.append(Card(f"{min(check.low):.4g} to {max(check.high):.4g}", "values"))
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
    """Show the first samples of a group in rows, files as they are; what has no picture is named only."""
    names = group.names[:MOST_SHOWN]
    found = {name: thumbnail(file, SIDE_PIXELS) for name in names if (file := _file(check, name)).is_file()}
    items = [(name, picture) for name, picture in found.items() if picture is not None]
    rows = [items[first : first + PICTURES_PER_ROW] for first in range(0, len(items), PICTURES_PER_ROW)]
    blocks: list[Block] = [LabelledPictures(row, group.reason, across=True) for row in rows]
    if items and check.values is not None and has_scale(check.values.codec):
        blocks.append(Paragraph("Each picture goes from its smallest value, black, to its largest, white."))
    others = [name for name in names if name not in found]
    drawn = _drawn(check, group.reason, others)
    blocks += drawn
    named = [name for name in found if found[name] is None] + ([] if drawn else others)
    if named:
        blocks.append(Paragraph(f"Without a picture: {', '.join(named)}."))
    if len(group.names) > MOST_SHOWN:
        blocks.append(Paragraph(f"... and {len(group.names) - MOST_SHOWN:,} more."))
    return blocks


def _file(check: DataCheck, name: str) -> Path:
    """Return where a sample lies that is a file of its own."""
    return (Path(check.index.folder) if check.index else Path(check.path)) / name


def _drawn(check: DataCheck, reason: str, names: list[str]) -> list[Block]:
    """Draw samples that are no files, with their names above them; nothing for points."""
    source = check.opened
    if source is None or check.values is None or len(source.shape) < 2:
        return []
    picture, blocks, wanted = picture_for(shown_of(source, check.values.codec)), list[Block](), set(names)
    number = {name: place for place, name in enumerate(source.names or ()) if name in wanted}
    for first in range(0, len(names), PICTURES_PER_ROW):
        row = names[first : first + PICTURES_PER_ROW]
        numbers = np.array([number[name] if source.names else int(name) for name in row])
        x = picture.shown.codec.encode(source.read(numbers))
        blocks.append(Picture(picture.draw(x, columns=len(row), names=row), f"{reason}: {', '.join(row)}"))
    return blocks
