"""What is worth knowing of how data were read, in a line each: what lies beside them and is not read."""

from collections.abc import Sequence

from idm.core.text import counted

MOST_SHOWN = 5
"""Most names that are listed."""

CHOOSES_LABELS = "data.source.label_column chooses labels"


def unread_columns(names: Sequence[str], advice: str = CHOOSES_LABELS) -> tuple[str, ...]:
    """Say which columns of a table are not read, in one line; nothing where all are.

    Args:
        names: theirs.
        advice: which option chooses another column, in words; "": none.
    """
    return () if not names else ("; ".join(filter(None, [f"columns not read: {listed(names)}", advice])),)


def unread_files(names: Sequence[str]) -> tuple[str, ...]:
    """Say which files beside those of the data are not read, in one line; nothing where there are none."""
    return (f"{counted(len(names), 'file')} of other kinds not read: {listed(names)}",) if names else ()


def listed(names: Sequence[str]) -> str:
    """List some names, and say how many more there are."""
    more = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
