"""Settings by the end of their path, where only one setting has that end: "num_steps" for "training.num_steps"."""

from functools import cache

from idm.core.errors import SettingsError, UnknownNameError
from idm.core.text import nearest
from idm.settings.experiment import Experiment
from idm.settings.schema import every_key, section_keys

CONDITION = "condition"
"""The section of conditions, whose options are found by its name before their own."""


def in_full(override: str) -> str:
    """Write the path of a ``path=value`` line in full; one that leads nowhere in particular stays as it is.

    Raises:
        SettingsError: several settings end so, or one has nearly that name.
    """
    given, equals, value = override.partition("=")
    path = given.strip()
    if not equals or not path or path.partition(".")[0] in _sections():
        return override
    if path.startswith(f"{CONDITION}."):
        return f"data.{override.lstrip()}"
    found = [known for known in setting_paths() if known.endswith(f".{path}")]
    if len(found) > 1:
        raise SettingsError(f"set={path}: one setting wanted, got a name that {len(found)} have; {_choice(found)}")
    if not found:
        _refuse_misspelt(path)
    return f"{found[0]}={value}" if found else override


@cache
def setting_paths() -> tuple[str, ...]:
    """Return the paths of all settings, of the options of every member of the open families, and of their sections.

    Those within the section of conditions are left out: they have the names of those of samples, which are meant.
    """
    paths = dict.fromkeys(path for path, _, _ in every_key(Experiment))
    return tuple(path for path in paths if not path.startswith(f"data.{CONDITION}."))


@cache
def _sections() -> frozenset[str]:
    return frozenset(key.name for key in section_keys(Experiment))


def _choice(paths: list[str]) -> str:
    return f"write {', '.join(paths[:-1])} or {paths[-1]}"


def _refuse_misspelt(path: str) -> None:
    """Refuse a name that is nearly one of a setting, unless it is nearer to that of a section."""
    if "." in path or nearest(path, _sections(), cutoff=0.6):
        return
    by_name: dict[str, list[str]] = {}
    for known in setting_paths():
        by_name.setdefault(known.rpartition(".")[2], []).append(known)
    near = nearest(path, by_name, cutoff=0.6)
    if near:
        wanted = " or ".join(f"'{known}'" for known in by_name[near])
        raise UnknownNameError(f"set={path}: no such setting; did you mean {wanted}?")
