"""Opening data as training would."""

from collections.abc import Callable, Mapping
from typing import Any

from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES, Codec
from idm.data.base import Source

Opener = Callable[[str, Mapping[str, Any]], Source]
"""Opens the source of that name with those options, or raises what training would refuse it for."""


def open_as_training(name: str, options: Mapping[str, Any]) -> Source:
    """Open a source and choose its codec.

    Raises:
        DataError: data that cannot be read, or brought to the model's range.
    """
    source = SOURCES.build(name, options)
    Codec.fit(source)
    return source


def try_to_open(name: str, options: Mapping[str, Any], opener: Opener) -> tuple[Source | None, tuple[str, ...]]:
    """Open a source; return it, or else what training would refuse it for."""
    try:
        return opener(name, options), ()
    except (DataError, SettingsError) as error:
        return None, error.lines
