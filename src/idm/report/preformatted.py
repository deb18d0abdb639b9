"""Text whose lines stay as they are, such as settings."""

from dataclasses import dataclass
from html import escape
from typing import final

from idm.report.blocks import Block


@final
@dataclass(frozen=True)
class Preformatted(Block):
    """Text in letters of one width.

    Attributes:
        text: its lines.
    """

    text: str

    def html(self) -> str:
        """Write a ``pre`` element that scrolls where it is too wide."""
        return f'<div class="scroll"><pre>{escape(self.text)}</pre></div>'
