"""Reading the shape of the settings: which keys a section has, of what type, with what default and meaning."""

import inspect
import re
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, ClassVar, Protocol, TypeGuard, get_type_hints

from idm.core.errors import DataError, SettingsError
from idm.core.registry import Registry

REQUIRED = inspect.Parameter.empty


class OpenSection(Protocol):
    """A section whose ``name`` chooses a member of a family."""

    family: ClassVar[Registry[Any]]
    given: ClassVar[tuple[str, ...]]
    name: str


@dataclass(frozen=True)
class Key:
    """One setting.

    Attributes:
        name: its name within the section.
        annotation: its type.
        default: its default; ``REQUIRED`` if it must be given.
        meaning: a sentence.
    """

    name: str
    annotation: Any
    default: Any
    meaning: str


def is_open(section: type) -> TypeGuard[type[OpenSection]]:
    """Whether a section's keys depend on its ``name``."""
    return "family" in vars(section)


def section_keys(section: type) -> list[Key]:
    """Return the fields of a settings dataclass, without the options of an open section."""
    assert is_dataclass(section)
    hints, meanings = get_type_hints(section, include_extras=True), described(section)
    keys: list[Key] = []
    for entry in fields(section):
        if is_open(section) and entry.name == "options":
            continue
        default = entry.default if entry.default is not MISSING else entry.default_factory
        keys.append(Key(entry.name, hints[entry.name], default, meanings.get(entry.name, "")))
    return keys


def option_keys(section: Any, name: str) -> list[Key]:
    """Return the settable parameters of the member ``name`` of an open section's family."""
    member = section.family[name]
    meanings = described(member)
    return [
        Key(key, parameter.annotation, parameter.default, meanings.get(key, ""))
        for key, parameter in section.family.options(name, given=section.given).items()
    ]


@contextmanager
def option_paths(section: str, options: Collection[str]) -> Generator[None, None, None]:
    """Give errors that start with the name of an option its dotted path: "eta: ..." becomes "sampler.eta: ..."."""
    try:
        yield
    except (SettingsError, DataError) as error:
        lines = [f"{section}.{line}" if line.partition(":")[0] in options else line for line in error.lines]
        raise type(error)(*lines) from error


def described(thing: Callable[..., Any]) -> dict[str, str]:
    """Read the "Args:" and "Attributes:" sections of a docstring: name -> meaning.

    A class may describe parameters in its own docstring, its constructor's, or its bases', which count less.
    """
    documented: list[Any] = [thing]
    if inspect.isclass(thing):
        documented = [part for base in reversed(thing.__mro__[:-1]) for part in (base, vars(base).get("__init__"))]
    found: dict[str, str] = {}
    for item in documented:
        found |= _described_in(inspect.getdoc(item) or "")
    return found


def _described_in(doc: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for block in re.findall(r"^(?:Args|Attributes):\n((?:[ ]{4}.*\n?|\n)+)", doc, flags=re.MULTILINE):
        for match in re.finditer(r"^ {4}(\w+)(?: \([^)]*\))?: (.*(?:\n {8}.*)*)", block, flags=re.MULTILINE):
            found[match.group(1)] = " ".join(match.group(2).split())
    return found
