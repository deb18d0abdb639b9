"""Flags of published weights, read from a JSON file."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from idm.core.errors import SettingsError
from idm.core.places import kind_at
from idm.core.text import one_line

LARGEST_FLAGS_BYTES = 1 << 20
"""Bytes of the largest file of flags that is read."""


def read_flags(path: Path) -> dict[str, Any]:
    """Read flags from a JSON file.

    Raises:
        SettingsError: not a JSON object, or a name that is in it twice.
    """
    if not path.is_file() or path.stat().st_size > LARGEST_FLAGS_BYTES:
        found = "a larger one" if path.is_file() else kind_at(path)
        raise SettingsError(f"flags={path}: a JSON file of at most 1 MiB wanted, got {found}; check the path")
    try:
        flags = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_without_repetition, parse_constant=_refuse_constant
        )
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"flags={path}: a JSON file wanted ({one_line(error)})") from error
    if not isinstance(flags, dict):
        raise SettingsError(f"flags={path}: a JSON object with flags by name wanted, got {type(flags).__name__}")
    return flags


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    flags = dict(pairs)
    if len(flags) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the flag {repeated:.60} is given twice")
    return flags


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
