"""What is worth knowing of how data were read, in a line each: what lies beside them and is not read."""

from collections.abc import Sequence

MOST_SHOWN = 5
"""Most names that are listed."""


def unread_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Say which columns of a table are not read, in one line; nothing where all are."""
    return () if not names else (f"columns not read: {listed(names)}; data.source.label_column chooses labels",)


def listed(names: Sequence[str]) -> str:
    """List some names, and say how many more there are."""
    more = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
