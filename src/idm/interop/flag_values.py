"""Values of command-line flags, read strictly: what a script's own parser would take for something else is refused."""

import math
from collections.abc import Callable
from typing import Any

from idm.core.errors import SettingsError
from idm.core.text import shown

WORDS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
"""How flags that are true or false are written."""

LARGEST = {
    "image_size": 65_536,
    "large_size": 65_536,
    "small_size": 65_536,
    "num_channels": 65_536,
    "num_heads": 65_536,
    "num_res_blocks": 32,
    "diffusion_steps": 1_000_000,
}
"""Beyond these nothing is built: a mistyped or hostile number would take the machine's memory first."""

LONGEST_TEXT = 1_000
"""Characters of the longest text that is read."""


def read_flag(name: str, value: Any, example: Any) -> Any:
    """Convert a value to the type of ``example``, as the scripts' own parser does with text.

    Raises:
        SettingsError: a value of another kind, or a number that is too large.
    """
    try:
        result = READERS[type(example)](value)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise SettingsError(f"flags.{name}: a value like {example!r} wanted, got {shown(value)}") from error
    if name in LARGEST and result > LARGEST[name]:
        raise SettingsError(f"flags.{name}: at most {LARGEST[name]:,} wanted, got {shown(value)}")
    return result


def _read_bool(value: Any) -> bool:
    return value if isinstance(value, bool) else WORDS[str(value).lower()]


def _read_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _read_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or not math.isfinite(float(value)):
        raise ValueError
    return float(value)


def _read_text(value: Any) -> str:
    parts = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(part, bool) or not isinstance(part, (int, float, str)) for part in parts):
        raise TypeError
    text = ",".join(map(str, parts))
    if len(text) > LONGEST_TEXT:
        raise ValueError
    return text


READERS: dict[type, Callable[[Any], Any]] = {bool: _read_bool, int: _read_int, float: _read_float, str: _read_text}
