"""Reading the shape of the settings: which keys a section has, of what type, with what default and meaning."""

import inspect
import re
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, TypeVar, get_type_hints

from idm.core.errors import DataError, SettingsError
from idm.core.registry import Registry, options_type

AnySection = TypeVar("AnySection", bound="OpenSection")

REQUIRED = inspect.Parameter.empty

DEFAULTS: Any = None
"""In place of options: those of the member, all of them its defaults."""

OPTIONS = "idm.settings.options"
"""The module of the classes of options."""


@contextmanager
def option_paths(section: str, options: Collection[str]) -> Generator[None, None, None]:
    """Give errors that start with the name of an option its dotted path: "eta: ..." becomes "sampler.eta: ..."."""
    try:
        yield
    except (SettingsError, DataError) as error:
        lines = [f"{section}.{line}" if line.partition(":")[0] in options else line for line in error.lines]
        raise type(error)(*lines) from error


@dataclass(frozen=True)
class OpenSection:
    """A section whose ``name`` chooses a member of a family, and whose options are that member's.

    Attributes:
        name: name of the member.
        options: the dataclass of its options; what a mapping, or nothing, leaves open has the member's defaults.
    """

    family: ClassVar[Registry[Any]]
    section: ClassVar[str]
    given: ClassVar[tuple[str, ...]] = ()
    name: str = ""
    options: Any = DEFAULTS

    def __post_init__(self) -> None:
        """Fill in the defaults of the member.

        Raises:
            UnknownNameError: no such member.
            SettingsError: options that are not the member's, or not all that must be given.
        """
        kind, told = self.options_of(self.name), self.options
        if type(told) is kind:
            return
        try:
            object.__setattr__(self, "options", kind(**{} if told is None else told))
        except TypeError as error:
            wanted = ", ".join(entry.name for entry in fields(kind))
            got = ", ".join(map(str, told)) if isinstance(told, Mapping) else type(told).__name__
            advice = "name only these, and all that have no default"
            if type(told).__module__ == OPTIONS:  # as where the name alone was replaced
                advice = "give options={} for the defaults of another name"
            raise SettingsError(
                f"{self.section}: options of {self.name} wanted ({wanted}), got {got}; {advice}"
            ) from error

    @classmethod
    def options_of(cls, name: str) -> type[Any]:
        """Return the class of a member's options."""
        return options_type(cls.family[name], cls.given, OPTIONS)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the values that somebody gives mean; sections in which one follows from another say so here."""
        return given

    def get(self, option: str) -> Any:
        """Return the value of an option; None of a member that does not have it."""
        return vars(self.options).get(option)

    def with_options(self: AnySection, **options: Any) -> AnySection:
        """Return the section with other values of some options."""
        return replace(self, options={**vars(self.options), **options})

    @property
    def not_default(self) -> dict[str, Any]:
        """The options that are not the defaults, by name."""
        usual = {entry.name: entry.default for entry in fields(self.options)}
        return {name: value for name, value in vars(self.options).items() if value != usual[name]}

    def build(self, **given: Any) -> Any:
        """Make the member; refusals that start with the name of an option get its dotted path."""
        with option_paths(self.section, self.family.options(self.name)):
            return self.family.build(self.name, vars(self.options), **given)


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

    @property
    def is_section(self) -> bool:
        """Whether it is a group of settings."""
        return isinstance(self.annotation, type) and is_dataclass(self.annotation)


def every_key(section: type, above: str = "") -> Iterator[tuple[str, Key, str]]:
    """Yield path and key of all settings and sections, and of the options of every member, whose name comes with them.

    Args:
        section: a settings dataclass.
        above: where it lies, with a dot at its end.
    """
    for key in section_keys(section):
        yield f"{above}{key.name}", key, ""
        if key.is_section:
            yield from every_key(key.annotation, f"{above}{key.name}.")
    if issubclass(section, OpenSection):
        for member in section.family:
            for key in option_keys(section, member):
                yield f"{above}{key.name}", key, member


def section_keys(section: type) -> list[Key]:
    """Return the fields of a settings dataclass, without the options of an open section."""
    assert is_dataclass(section)
    hints, meanings = get_type_hints(section, include_extras=True), described(section)
    keys: list[Key] = []
    for entry in fields(section):
        default = entry.default if entry.default is not MISSING else entry.default_factory
        keys.append(Key(entry.name, hints[entry.name], default, meanings.get(entry.name, "")))
    if not issubclass(section, OpenSection):
        return keys
    name, *others = (key for key in keys if key.name != "options")
    return [replace(name, annotation=Literal[*section.family]), *others]


def option_keys(section: type[OpenSection], name: str) -> list[Key]:
    """Return the settable parameters of the member ``name`` of an open section's family."""
    member = section.family[name]
    meanings = described(member)
    return [
        Key(key, parameter.annotation, parameter.default, meanings.get(key, ""))
        for key, parameter in section.family.options(name, given=section.given).items()
    ]


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
