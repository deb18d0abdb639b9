"""Blocks of a page that hold other blocks: next to each other, under a name, folded away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import final

from idm.report.blocks import Block, Drawn


class Container(Block):
    """A block that holds others.

    Attributes:
        blocks: the others.
    """

    blocks: Sequence[Block]

    def drawn(self) -> Iterator[Drawn]:
        """Yield what is drawn in the blocks."""
        for block in self.blocks:
            yield from block.drawn()


@final
@dataclass(frozen=True)
class SideBySide(Container):
    """Blocks next to each other where there is room, else below each other.

    Attributes:
        blocks: the blocks.
        least_rem: least width of each, in letters of the page's size, but for a page that is narrower.
    """

    blocks: Sequence[Block]
    least_rem: int = 17

    def html(self) -> str:
        """Write the blocks in columns."""
        parts = "".join(f"<div>{block.html()}</div>" for block in self.blocks)
        return f'<div class="beside" style="--least: {self.least_rem}rem">{parts}</div>'


@final
@dataclass(frozen=True)
class Group(Container):
    """Blocks below a name of theirs.

    Attributes:
        name: the name.
        blocks: what stands below it.
    """

    name: str
    blocks: Sequence[Block]

    def html(self) -> str:
        """Write a heading and the blocks."""
        return f"<h3>{escape(self.name)}</h3>{''.join(block.html() for block in self.blocks)}"


@final
@dataclass(frozen=True)
class Fold(Container):
    """Blocks that are shown when a reader asks for them, and on paper.

    Attributes:
        name: what is there.
        blocks: the blocks.
    """

    name: str
    blocks: Sequence[Block]

    def html(self) -> str:
        """Write a ``details`` element, which needs no script."""
        inner = "".join(block.html() for block in self.blocks)
        return f"<details><summary>{escape(self.name)}</summary>{inner}</details>"
