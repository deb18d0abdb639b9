"""Opening data as training would."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES
from idm.data.base import Source
from idm.data.check.values import ValuesFound, look_at_values


@dataclass(frozen=True, eq=False)
class Opened:
    """Data that training would open.

    Attributes:
        source: the source.
        values: their range.
    """

    source: Source
    values: ValuesFound


Opener = Callable[[str, Mapping[str, Any]], Opened]
"""Opens the source of that name with those options, or raises what training would refuse it for."""


def open_as_training(name: str, options: Mapping[str, Any]) -> Opened:
    """Open a source and choose the range of its values.

    Raises:
        DataError: data that cannot be read, or brought to the model's range.
    """
    source = SOURCES.build(name, options)
    return Opened(source, look_at_values(source))


def try_to_open(name: str, options: Mapping[str, Any], opener: Opener) -> tuple[Opened | None, tuple[str, ...]]:
    """Open a source; return it, or else what training would refuse it for."""
    try:
        return opener(name, options), ()
    except (DataError, SettingsError) as error:
        return None, error.lines
