"""Settings of data as ``idm check-data`` takes them, and carries them into the command that trains."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from idm.core.errors import SettingsError
from idm.data import SOURCES
from idm.data.check import DataCheck
from idm.data.sources.indexed import ENCODED
from idm.settings import Experiment
from idm.settings.experiment import DataSettings
from idm.settings.files import fold

SOURCE = "data.source."


def full_paths(overrides: Sequence[str]) -> list[str]:
    """Write out the paths of settings that are given by their names: "channels=first", "random_crop=8"."""
    return [_full(override) for override in overrides]


def _full(override: str) -> str:
    section, first = "data", override.partition("=")[0].partition(".")[0].strip()
    if first in {entry.name for entry in fields(Experiment)}:
        return override
    if first not in {entry.name for entry in fields(DataSettings)}:
        section = "data.source"
    return f"{section}.{override.strip()}"


def options_to_score(overrides: Sequence[str], path: str | None) -> dict[str, Any]:
    """Return the options of the source that opens other data than a run's own, as overrides give them.

    Raises:
        SettingsError: other settings than those of a source, or no other data.
    """
    given = full_paths(overrides)
    other = [override for override in given if not override.startswith(SOURCE)]
    if other:
        raise SettingsError(
            f"--set {other[0]}: a setting of data.source wanted, got another; all others are those that the run was "
            "trained with"
        )
    if given and path is None:
        raise SettingsError(f"--set {given[0]}: it says how --data is read; give --data PATH too, or leave it out")
    return fold(given).get("data", {}).get("source", {})


def beside_an_index(check: DataCheck, overrides: Sequence[str]) -> list[str]:
    """Choose the overrides that training on the index of a check still needs: the index knows the source's own."""
    known = SOURCES.options("index") if check.source in ENCODED else {}
    return [
        override
        for override in overrides
        if not override.startswith(SOURCE) or override.removeprefix(SOURCE).partition("=")[0].strip() in known
    ]
