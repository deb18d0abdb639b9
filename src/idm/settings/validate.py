"""Turning plain values (from files and the command line) into settings, and back.

Every wrong value gets a line of its own with its dotted path; all of them are reported at once.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast, get_args

from pydantic import TypeAdapter, ValidationError

from idm.core.errors import LONGEST_NAME, MOST_UNKNOWN, SettingsError, UnknownNameError
from idm.core.text import nearest, shown
from idm.settings.annotations import how_many, is_one_or_several, is_tuple, words_of
from idm.settings.schema import REQUIRED, Key, OpenSection, option_keys, section_keys

Section = TypeVar("Section")
Open = TypeVar("Open", bound=OpenSection)
Plain = dict[str, Any]

MOST_VALUES = 1_000
"""Most values of a list that is a setting."""


def from_plain(section: type[Section], values: Mapping[str, Any], path: str = "") -> Section:
    """Build a settings dataclass from nested plain values; arguments and errors as of ``lay``."""
    return lay(section(), values, path=path)


def lay(base: Section, *layers: Mapping[str, Any], path: str = "") -> Section:
    """Replace the settings that nested plain values give, layer by layer; the last one counts.

    An open section whose ``name`` changes keeps the options that both members have: those of a layer, and those of the
    base that are not the defaults.

    Args:
        base: a settings dataclass.
        layers: the values.
        path: where it lies in an experiment, such as "sampler"; "" for the whole.

    Raises:
        SettingsError: one line per wrong value, with its dotted path.
    """
    lines: list[str] = []
    result = _laid(base, layers, path, lines)
    if lines:
        raise SettingsError(*lines)
    return result


def to_plain(value: Any) -> Any:
    """Return settings as nested plain values, the way files write them."""
    if is_dataclass(value) and not isinstance(value, type):
        plain = {entry.name: to_plain(getattr(value, entry.name)) for entry in fields(value)}
        return plain | plain.pop("options") if isinstance(value, OpenSection) else plain
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.name.lower()
    return [to_plain(item) for item in value] if isinstance(value, tuple) else value


def _laid(base: Section, layers: Sequence[Any], path: str, lines: list[str]) -> Section:
    for layer in layers:
        if not isinstance(layer, Mapping):
            lines.append(f"{path}: a group of settings wanted, got {layer!r}")
            return base
    if isinstance(base, OpenSection):
        return _laid_over_member(base, layers, path, lines)
    given: dict[str, list[Any]] = {}
    for name, value in ((name, value) for layer in layers for name, value in layer.items()):
        given.setdefault(name, []).append(value)
    return _replaced(base, _values(section_keys(type(base)), given, base, path, lines), path, lines)


def _laid_over_member(base: Open, layers: Sequence[Mapping[str, Any]], path: str, lines: list[str]) -> Open:
    keys, before, layers = section_keys(type(base)), len(lines), [base.read(layer) for layer in layers]
    names = [base.name, *(layer["name"] for layer in layers if "name" in layer)]
    if not isinstance(names[-1], str):
        lines.append(f"{_join(path, 'name')}: one of {', '.join(base.family)} wanted, got {shown(names[-1])}")
        return base
    try:
        options = {key.name: key for key in option_keys(type(base), names[-1])}
    except UnknownNameError as error:
        lines.append(_named(path, error))
        return base
    known = options.keys() | {key.name for key in keys}
    kept = base.not_default if any(name != base.name for name in names) else vars(base.options)
    given: Plain = {"name": base.name, **kept}
    for layer in layers:
        if layer.get("name", given["name"]) != given["name"]:
            given = {name: value for name, value in given.items() if name in known}
        given = _joined(given, layer)
    own = _values([*keys, *options.values()], {name: [value] for name, value in given.items()}, base, path, lines)
    own["options"] = {name: own.pop(name) for name in options if name in own}
    return base if len(lines) > before else _replaced(base, own, path, lines)


def _joined(below: Any, above: Any) -> Any:
    """Lay nested values over others, in which only mappings are joined."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{name: _joined(below.get(name), value) for name, value in above.items()}}


def _replaced(base: Section, values: Plain, path: str, lines: list[str]) -> Section:
    """Replace values; what the section refuses, which are values that do not fit together, is told by path."""
    try:
        return replace(cast("Any", base), **values)
    except SettingsError as error:
        lines += [_join(path, line) for line in error.lines]
        return base


def _named(path: str, error: UnknownNameError) -> str:
    return f"{_join(path, 'name')}: {error.lines[0].partition(': ')[2]}"


def _values(keys: list[Key], values: Mapping[str, list[Any]], base: Any, path: str, lines: list[str]) -> Plain:
    """Convert the values that are given of one section, layer by layer."""
    known = {key.name: key for key in keys}
    unknown = [name for name in values if name not in known]
    for name in (str(name)[:LONGEST_NAME] for name in unknown[:MOST_UNKNOWN]):
        other = _of_another_member(name, path, base, values["name"][-1]) if isinstance(base, OpenSection) else ""
        lines.append(f"{_join(path, name)}: {other or _unknown(name, path, known)}")
    if len(unknown) > MOST_UNKNOWN:
        lines.append(f"{_join(path, '...')}: {len(unknown) - MOST_UNKNOWN:,} more names that are no settings")
    result: Plain = {}
    for key in keys:
        where = _join(path, key.name)
        if key.name not in values:
            if key.default is REQUIRED:
                lines.append(f"{where}: must be given ({key.meaning or 'no default'})")
        elif key.is_section:
            result[key.name] = _laid(getattr(base, key.name), values[key.name], where, lines)
        else:
            result[key.name] = _value(key, values[key.name][-1], where, lines)
    return result


def _unknown(name: str, path: str, known: Collection[str]) -> str:
    near = nearest(name, known, cutoff=0.5)
    hint = f"did you mean '{_join(path, near)}'?" if near else f"known here: {', '.join(known)}"
    return f"no such setting; {hint}"


def _of_another_member(name: str, path: str, section: OpenSection, chosen: str) -> str:
    """Say whose option a name is that the chosen member of an open section has not; "" where it is nobody's."""
    family, given = section.family, section.given
    others = [member for member in family if name in family.options(member, given=given)]
    if not others:
        return ""
    way = f"set {_join(path, 'name')}={others[0]}, or leave it out"
    return f"an option of {chosen} wanted, got one of {' and '.join(others)}; {way}"


def _value(key: Key, value: Any, path: str, lines: list[str]) -> Any:
    if isinstance(key.annotation, type) and issubclass(key.annotation, Enum):
        return _member(key.annotation, value, path, lines)
    said = value
    if is_tuple(key.annotation) and isinstance(value, (str, int, float)) and value not in words_of(key.annotation):
        parts = str(value).split(",")
        value = value if len(parts) == 1 and is_one_or_several(key.annotation) else parts
    if isinstance(value, (list, tuple)) and len(value) > MOST_VALUES:
        lines.append(f"{path}: at most {MOST_VALUES:,} values wanted, got {len(value):,}")
        return key.default
    try:
        result = _adapter(key.annotation).validate_python(_counted(key.annotation, value))
    except ValidationError as error:
        words = words_of(key.annotation) if is_tuple(key.annotation) else ()
        wanted = f"should be {', '.join(words)} or numbers with a comma between them" if words else _wanted(error)
        if is_one_or_several(key.annotation):
            wanted = f"should be a whole number, or {how_many(key.annotation)} with a comma between them"
        lines.append(f"{path}: {wanted}, got {shown(said)}")
        return key.default
    several = isinstance(result, tuple)
    if any(isinstance(part, float) and not math.isfinite(part) for part in (result if several else (result,))):
        wanted = "hold finite numbers" if several else "be a finite number"
        lines.append(f"{path}: should {wanted}, got {shown(said)}")
        return key.default
    return result


def _counted(annotation: Any, value: Any) -> Any:
    """Read "1e3", which YAML takes for a word, as 1000 where a whole number is wanted."""
    if isinstance(value, (list, tuple)) and is_tuple(annotation):
        kinds = [kind for option in (annotation, *get_args(annotation)) for kind in get_args(option)]
        return [_counted(int, item) for item in value] if int in kinds else value
    if not isinstance(value, str) or int not in (annotation, *get_args(annotation)):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else value


@lru_cache(maxsize=1024)
def _adapter(annotation: Any) -> Any:
    """Return pydantic's ``TypeAdapter`` of a type; making one takes longer than using it."""
    return TypeAdapter(annotation)


def _wanted(error: ValidationError) -> str:
    """Say what pydantic wanted, in one clause; a union reports each branch, of which the first two are told."""
    said = list(dict.fromkeys(item["msg"][0].lower() + item["msg"][1:] for item in error.errors()))
    return " or ".join(text.removeprefix("input ") for text in said[:2])


def _member(names: type[Enum], value: Any, path: str, lines: list[str]) -> Any:
    if isinstance(value, names):
        return value
    members = {member.name.lower(): member for member in names}
    if str(value).lower() in members:
        return members[str(value).lower()]
    near = nearest(str(value)[:LONGEST_NAME].lower(), members, cutoff=0.5)
    hint = f"; did you mean '{near}'?" if near else ""
    lines.append(f"{path}: should be {', '.join(members)}, got {shown(value)}{hint}")
    return next(iter(members.values()))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def flat(plain: Mapping[str, Any], path: str = "") -> Plain:
    """Return nested plain values by dotted path."""
    found: Plain = {}
    for key, value in plain.items():
        where = _join(path, key)
        found |= flat(value, where) if isinstance(value, Mapping) else {where: value}
    return found
