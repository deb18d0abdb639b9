"""Labels that are numbers, as people write them: texts, numbers, sequences, or numbers by name."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from idm.core.counts import holds_several
from idm.core.errors import SettingsError
from idm.core.text import shown
from idm.data.attributes import LARGEST_NUMBER, Row, is_missing
from idm.data.remarks import listed


def read_rows(names: Sequence[str], labels: Any, option: str) -> list[Row]:
    """Understand labels, of a number for each name; NaN is missing. See ``ValueLabels.read``.

    Args:
        names: names of the numbers of a label.
        labels: what was given.
        option: the setting, for messages.

    Raises:
        SettingsError: none, another number of them, or one that is none or too large.
    """
    given = _texts(names, labels) if isinstance(labels, str) else labels
    if isinstance(given, Mapping) or not holds_several(given):
        given = [given]
    every = list(given)
    has_rows = any(isinstance(row, str) or holds_several(row) for row in every)
    if len(names) > 1 and every and not has_rows:
        every = [every]  # the numbers of one label
    if not every:
        raise SettingsError(f"{option}: at least one label wanted, got none; leave it out for those of the data")
    return [_row(names, row, option) for row in every]


def _texts(names: Sequence[str], text: str) -> list[Any]:
    """Take a text apart: a list or a mapping of texts for each label."""
    parts = [part for part in text.split(";") if part.strip()]
    if len(names) == 1:
        parts = [piece for part in parts for piece in part.split(",")]
    return [_named(part) if "=" in part else part.split(",") for part in parts]


def _named(part: str) -> dict[str, str]:
    pairs = (piece.partition("=") for piece in part.split(","))
    return {name.strip(): value for name, _, value in pairs}


def _row(names: Sequence[str], given: Any, option: str) -> Row:
    wanted = f"{option}: numbers of {listed(names)} wanted"
    if isinstance(given, Mapping):
        if unknown := [name for name in given if name not in names]:
            raise SettingsError(f"{wanted}, got {shown(unknown[0])}; name those that the run was trained on")
        given = [given.get(name) for name in names]
    row: list[Any] = list(given) if not isinstance(given, str) and holds_several(given) else [given]
    if len(row) != len(names):
        raise SettingsError(f"{wanted}, got {len(row)} of them; give {len(names)}, or say NAME=NUMBER")
    try:
        values = tuple(math.nan if is_missing(value) else float(value) for value in row)
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingsError(f"{wanted}, got {shown(given)}; write none for what is not known") from error
    if any(abs(value) > LARGEST_NUMBER for value in values):
        raise SettingsError(
            f"{wanted}, got {shown(given)}, beyond {LARGEST_NUMBER:g}; write none for what is not known"
        )
    return values
