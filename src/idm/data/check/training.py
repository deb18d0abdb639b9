"""Opening data as training would."""

from collections.abc import Mapping
from typing import Any

from idm.core.errors import DataError
from idm.data import SOURCES, Codec
from idm.data.base import Source


def try_to_open(name: str, options: Mapping[str, Any]) -> tuple[Source | None, tuple[str, ...]]:
    """Open a source and choose its codec; return the source, or else what training would refuse it for."""
    try:
        source = SOURCES.build(name, options)
        Codec.fit(source)
    except DataError as error:
        return None, error.lines
    return source, ()
