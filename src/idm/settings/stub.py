"""Writes options.pyi, by which editors and type checkers know the options of every member.

tests/docs/test_map.py sees that it is up to date.
"""

from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from idm.settings.experiment import OPEN_SECTIONS
from idm.settings.schema import OpenSection, described

FILE = Path(__file__).with_name("options.pyi")

HEAD = '"""The options of every member, made of their signatures by ``idm.settings.stub.write``."""\n'


def text() -> str:
    """Return the file: a dataclass for each member, once, and the union of those of a family."""
    imports = {("dataclasses", "dataclass")}
    members = [(section, name) for section in OPEN_SECTIONS for name in section.family]
    first = {section.options_of(name): (section, name) for section, name in reversed(members)}
    parts = [_class(*member, imports) for member in members if first[member[0].options_of(member[1])] == member]
    for section in OPEN_SECTIONS:
        union = " | ".join(section.options_of(name).__name__ for name in section.family)
        parts.append(f"{section.__name__.replace('Settings', 'Options')} = {union}\n")
    lines = [f"from {module} import {name}" for module, name in sorted(imports)]
    return "\n".join([HEAD, *lines, "", *parts])


def write() -> None:
    """Write the file anew."""
    FILE.write_text(text(), encoding="utf-8")


def _class(section: type[OpenSection], name: str, imports: set[tuple[str, str]]) -> str:
    kind, meanings = section.options_of(name), described(section.family[name])
    lines = ["@dataclass(frozen=True, kw_only=True)", f"class {kind.__name__}:"]
    lines.append(f'    """Options of ``{section.section}.name={name}``."""')
    for entry in fields(kind):
        default = "" if entry.default is MISSING else " = ..."
        lines.append(f"    {entry.name}: {_in_code(entry.type, imports)}{default}")
        lines.append(f'    """{meanings[entry.name]}"""')
    return "\n".join([*lines, ""])


def _in_code(annotation: Any, imports: set[tuple[str, str]]) -> str:
    """Write a type without its range, and note what has to be imported."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _in_code(arguments[0], imports)
    if origin is Literal:
        imports.add(("typing", "Literal"))
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if annotation in (NoneType, Ellipsis):
        return "None" if annotation is NoneType else "..."
    inner = [_in_code(argument, imports) for argument in arguments]
    if origin in (Union, UnionType):
        return " | ".join(inner)
    kind = origin or annotation
    if kind.__module__ != "builtins":
        imports.add((kind.__module__, kind.__qualname__))
    return f"{kind.__qualname__}[{', '.join(inner)}]" if inner else kind.__qualname__
