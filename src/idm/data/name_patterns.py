"""Patterns of file names of which a part names the group that a sample belongs to.

A pattern is a glob with one pair of parentheses: ``patient-(*)_*.png``. It becomes a regular expression of which no
part that matched is tried again, so that no name takes long, whoever wrote the pattern: a star ends where what follows
it first occurs, and since a star stays inside of its folder, no later place could lead further.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from idm.core.errors import DataError
from idm.core.text import shown

LONGEST_PATTERN = 1_000
ANY_FOLDERS = "**"
TOKEN = re.compile(r"\[!?[^\]/]+\]|[()*?]|[^()*?\[]")
"""A set of characters, a sign that means something, or a character that stands for itself."""


@dataclass(frozen=True)
class NamePattern:
    """A pattern, compiled.

    Attributes:
        text: as it was written.
        compiled: two empty groups mark where the name of the group begins and ends.
    """

    text: str
    compiled: re.Pattern[str]

    def group_in(self, name: str) -> str:
        """Return the part of a name that names its group; "" where the name does not fit."""
        found = self.compiled.fullmatch(name)
        return "" if found is None else name[found.start(1) : found.start(2)]


def read_pattern(option: str, text: str) -> NamePattern:
    """Compile a pattern.

    ``*`` stands for any characters of a name, as few as will do; ``?`` for one; ``[0-9]`` and ``[!0-9]`` for one that
    is, or is not, in a set; ``**`` in place of a folder for any number of folders; ``(`` and ``)`` once, around what
    names the group.

    Args:
        option: the setting it comes from, for messages.
        text: the pattern.

    Raises:
        DataError: no such pattern.
    """
    wanted = f"{option}: a pattern such as patient-(*)_*.png wanted"
    tokens = TOKEN.findall(text)
    if len(text) > LONGEST_PATTERN or "".join(tokens) != text:
        raise DataError(f"{wanted}, got {shown(text)}; write sets of characters as [0-9], and '[' as [[]")
    if [token for token in tokens if token in "()"] != ["(", ")"]:
        raise DataError(
            f"{wanted}, got {shown(text)}; put one pair of parentheses around what names the group, and write those of "
            "names as [(] and [)]"
        )
    folders = _split(tokens, "/")
    deep = [row for row, folder in enumerate(folders) if "".join(folder).strip("()") == ANY_FOLDERS]
    others = [folder for row, folder in enumerate(folders) if row not in deep]
    if len(set(deep) - {len(folders) - 1}) > 1 or any(ANY_FOLDERS in "".join(folder) for folder in others):
        raise DataError(f"{wanted}, got {shown(text)}; write ** once, in place of a folder, and perhaps at the end")
    *above, last = [_folders(folder) if row in deep else f"{_folder(folder)}/" for row, folder in enumerate(folders)]
    end = last.removesuffix("/") if len(folders) - 1 not in deep else ".*".join(_marks(folders[-1]))
    try:
        return NamePattern(text, re.compile("".join(above) + end, re.DOTALL))
    except re.error as error:
        raise DataError(f"{wanted}, got {shown(text)}; write sets of characters from low to high, as [0-9]") from error


def groups_in(option: str, names: Sequence[str], patterns: Sequence[NamePattern]) -> list[str]:
    """Return what names the group of each sample, by the first pattern that fits its name.

    Raises:
        DataError: a name that no pattern fits.
    """
    found = [next(filter(None, (pattern.group_in(name) for pattern in patterns)), "") for name in names]
    others = [name for name, group in zip(names, found, strict=True) if not group]
    if others:
        listed, more = ",".join(pattern.text for pattern in patterns), len(others) - 1
        raise DataError(
            f"{option}: names that fit {listed} wanted, got {others[0]}{f' and {more:,} more' if more else ''}; change "
            "the pattern, or add another after a comma"
        )
    return found


def _split(tokens: Sequence[str], mark: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == mark:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _marks(tokens: Sequence[str]) -> tuple[str, str]:
    """What marks the beginning of the group before ``**``, and its end after that, where they are there."""
    return "()" if "(" in tokens else "", "()" if ")" in tokens else ""


def _folders(tokens: Sequence[str]) -> str:
    """Write any number of folders, at least one where the group ends with them."""
    before, after = _marks(tokens)
    return f"{before}.*{after}/" if after else f"{before}(?:.*/)?"


def _folder(tokens: Sequence[str]) -> str:
    """Write the pattern of one folder or file: each star with what follows it is found once and for all."""
    first, *others = ("".join(map(_written, part)) for part in _split(tokens, "*"))
    ends = [*[""] * (len(others) - 1), r"(?=/|\Z)"]
    return first + "".join(f"(?>[^/]*?{part}{end})" for part, end in zip(others, ends, strict=False))


def _written(token: str) -> str:
    """Write a token as a regular expression: an empty group for either parenthesis."""
    if token in "()":
        return "()"
    if token == "?":
        return "[^/]"
    if len(token) == 1:
        return re.escape(token)
    is_other = token.startswith("[!") and len(token) > len("[!]")
    chars = re.findall(".-.|.", token[2:-1] if is_other else token[1:-1])
    written = "".join("-".join(map(re.escape, (char[0], char[-1]))) if char[1:] else re.escape(char) for char in chars)
    return f"[^/{written}]" if is_other else f"[{written}]"
