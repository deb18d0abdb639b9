"""Settings of data as ``idm check-data`` takes them, and carries them into the command that trains."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from idm.core.errors import SettingsError
from idm.data import SOURCES
from idm.data.check import DataCheck
from idm.data.sources.indexed import ENCODED
from idm.settings import Experiment
from idm.settings.experiment import DataSettings
from idm.settings.files import fold

SOURCE, TABLE, CONDITION = "data.source.", "data.table=", "data.condition."

OF_RANGE = ("range", "standardize")
"""Settings of conditions that are none of their source."""


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


@dataclass(frozen=True)
class ReadAs:
    """Options of the sources that open other data than a run's own.

    Attributes:
        source: of the samples.
        condition: of their conditions.
    """

    source: dict[str, Any]
    condition: dict[str, Any]


def options_to_score(overrides: Sequence[str], path: str | None, condition: str | None) -> ReadAs:
    """Return the options of the sources that open other data than a run's own, as overrides give them.

    Args:
        overrides: as they were given.
        path: other data; None: none.
        condition: their conditions.

    Raises:
        SettingsError: other settings than those of a source, or no other data, or conditions, that are read so.
    """
    of_conditions, others = parted(overrides)
    own = full_paths(others)
    other = [override for override in own if not override.startswith((SOURCE, TABLE))]
    if other:
        raise SettingsError(
            f"--set {other[0]}: a setting of data.source wanted, got another; all others are those that the run was "
            "trained with"
        )
    if own and path is None:
        raise SettingsError(f"--set {own[0]}: it says how --data is read; give --data PATH too, or leave it out")
    told = fold(own).get("data", {})
    table = {key: told[key] for key in ("table",) if key in told}
    return ReadAs(told.get("source", {}) | table, options_of_conditions(of_conditions, condition))


def options_of_conditions(overrides: Sequence[str], path: str | None) -> dict[str, Any]:
    """Return the options of the source that opens conditions, of overrides that begin with ``data.condition.``.

    Raises:
        SettingsError: a setting that is none of a source, or no conditions.
    """
    for override in overrides:
        if override.removeprefix(CONDITION).partition("=")[0].strip() in OF_RANGE:
            raise SettingsError(
                f"--set {override}: a setting of the source of conditions wanted, got another; their range is "
                "that which the run was trained with"
            )
        if path is None:
            raise SettingsError(
                f"--set {override}: it says how --condition is read; give --condition PATH too, or leave it out"
            )
    return fold(overrides).get("data", {}).get("condition", {})


def parted(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part overrides of conditions, with their paths in full, from those of anything else, which stay as they are."""
    of_conditions = [full for full in map(_full, overrides) if full.startswith(CONDITION)]
    return of_conditions, [override for override in overrides if not _full(override).startswith(CONDITION)]


def beside_an_index(check: DataCheck, overrides: Sequence[str]) -> list[str]:
    """Choose the overrides that training on the index of a check still needs: the index knows the source's own."""
    known = SOURCES.options("index") if check.source in ENCODED else {}
    return [
        override
        for override in overrides
        if not override.startswith(SOURCE) or override.removeprefix(SOURCE).partition("=")[0].strip() in known
    ]
