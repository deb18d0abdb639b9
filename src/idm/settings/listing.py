"""All settings as rows of a table."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from idm.core.errors import SettingsError
from idm.core.limits import limits_in_words
from idm.core.text import nearest
from idm.settings import Experiment, to_plain
from idm.settings.files import value_in_words
from idm.settings.schema import REQUIRED, Key, every_key
from idm.settings.validate import Plain

WORDS = {int: "integer", float: "number", bool: "true or false", str: "text", type(None): "null"}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        path: dotted path, as in ``--set``.
        kind: its type and range in words.
        default: its default; empty where it must be given.
        meaning: a sentence.
        condition: the choice that the setting belongs to, such as "sampler.name=ddim"; empty for all others.
    """

    path: str
    kind: str
    default: str
    meaning: str
    condition: str = ""

    @property
    def section(self) -> str:
        """Dotted path of its section."""
        return self.path.rpartition(".")[0]

    @property
    def group(self) -> str:
        """What the setting is listed under."""
        return f"{self.section}, with {self.condition}" if self.condition else self.section

    @property
    def name(self) -> str:
        """Its name within its section."""
        return self.path.rpartition(".")[2]

    def to_plain(self) -> dict[str, str]:
        """Return JSON-able values."""
        names = ("path", "kind", "default", "meaning", "condition")
        return {name: getattr(self, name) for name in names}


def every_setting() -> list[Setting]:
    """List all settings, with those of every member of the open families."""
    return [_setting(*found) for found in every_key(Experiment) if not found[1].is_section]


def part(settings: list[Setting], section: str | None) -> list[Setting]:
    """Choose the settings of a section, or the one of that path.

    Raises:
        SettingsError: no such section.
    """
    if section is None:
        return settings
    found = [row for row in settings if f"{row.path}.".startswith(f"{section}.") or row.condition == section]
    if not found:
        known = {".".join(row.path.split(".")[:n]) for row in settings for n in range(1, row.path.count(".") + 2)}
        raise SettingsError(f"config: {_no_such(section, sorted(known))}")
    return found


def subsection(plain: Plain, section: str | None) -> Plain:
    """Choose a part of nested settings, still nested.

    Raises:
        SettingsError: no such section.
    """
    if section is None:
        return plain
    name, _, rest = section.partition(".")
    inner = plain.get(name)
    if inner is None or (rest and not isinstance(inner, dict)):
        raise SettingsError(f"config: {_no_such(name, list(plain))}")
    return {name: subsection(inner, rest) if rest else inner}


def _no_such(name: str, known: list[str]) -> str:
    near = nearest(name, known, cutoff=0.5)
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(k for k in known if '.' not in k)}"
    return f"no such section '{name}'; {hint}"


def _setting(path: str, key: Key, member: str) -> Setting:
    default = "" if key.default is REQUIRED else value_in_words(to_plain(key.default))
    condition = f"{path.rpartition('.')[0]}.name={member}" if member else ""
    return Setting(path, in_words(key.annotation), default, key.meaning.replace("``", "").rstrip("."), condition)


def in_words(annotation: Any) -> str:
    """Describe a type: "integer >= 1", "true or false", "ddim | ddpm"."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return f"{in_words(arguments[0])} {limits_in_words(arguments[1:])}".rstrip()
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin is tuple:
        return f"{in_words(arguments[0])}, ..." if Ellipsis in arguments else f"{len(arguments)} numbers"
    if arguments:
        return " or ".join(dict.fromkeys(in_words(option) for option in arguments))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(member.name.lower() for member in annotation)
    return WORDS.get(annotation, "text")
