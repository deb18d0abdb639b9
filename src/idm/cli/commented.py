"""Settings as YAML in which a comment says what each of them means."""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from idm.settings.listing import Setting, every_setting

WIDTH_CHARACTERS = 100
"""Columns of a comment."""


def commented(plain: Mapping[str, Any]) -> str:
    """Write nested settings as YAML, with meaning and type of each in the lines above it."""
    return "\n".join(_lines(plain, "", {(row.path, row.condition): row for row in every_setting()})) + "\n"


def _lines(plain: Mapping[str, Any], above: str, known: Mapping[tuple[str, str], Setting]) -> Iterator[str]:
    indent = "  " * above.count(".")
    member = f"{above}name={plain.get('name')}"
    for name, value in plain.items():
        path = f"{above}{name}"
        setting = known.get((path, "")) or known.get((path, member))
        if setting is None and isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{path}.", known)
            continue
        if setting is not None:
            yield from _comment(setting, indent)
        yield f"{indent}{name}: {_value(value)}"


def _comment(setting: Setting, indent: str) -> list[str]:
    start = f"{indent}# "
    text = f"{setting.meaning} ({setting.kind})"
    return textwrap.wrap(text, WIDTH_CHARACTERS, initial_indent=start, subsequent_indent=start, break_on_hyphens=False)


def _value(value: Any) -> str:
    """Write a value on one line, lists and mappings in brackets."""
    import yaml

    listed = yaml.safe_dump([value], sort_keys=False, default_flow_style=True, width=sys.maxsize)
    return listed.strip()[1:-1]
