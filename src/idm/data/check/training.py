"""Opening data as training would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.data import SOURCES
from idm.data.base import Indices, Source
from idm.data.check.leaks import HELD_OUT, TRAIN, UNSPLIT
from idm.data.check.values import ValuesFound, look_at_values
from idm.data.names import names_or_numbers


@dataclass(frozen=True, eq=False)
class Opened:
    """Data that training would open.

    Attributes:
        source: the source.
        values: their range.
        held_out: numbers of the samples that would be held out; None where the data are not split.
        condition: what the network would be shown beside them, in words; "": nothing.
    """

    source: Source
    values: ValuesFound
    held_out: Indices | None = None
    condition: str = ""

    def sides(self, names: Sequence[str]) -> NDArray[np.int8]:
        """Say on which side of the split the samples of these names are, see ``leaks``."""
        known = names_or_numbers(self.source.names, len(self.source))
        of_rows = np.full(len(known), UNSPLIT if self.held_out is None else TRAIN, dtype=np.int8)
        if self.held_out is not None:
            of_rows[self.held_out] = HELD_OUT
        if len(known) == len(names) and all(map(eq, known, names)):
            return of_rows
        by_name = dict(zip(known, of_rows.tolist(), strict=True))
        return np.array([by_name.get(name, UNSPLIT) for name in names], dtype=np.int8)


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
