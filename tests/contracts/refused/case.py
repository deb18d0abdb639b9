"""A refusal, and arrays that several of them are about."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

UNCLEAR = np.arange(8 * 10 * 12 * 16).reshape(8, 10, 12, 16).astype(np.uint8)
"""Samples whose axes cannot be told apart."""

FLAT = np.arange(8 * 64).reshape(8, 1, 8, 8).astype(np.uint8)

SPARSE = np.eye(1, 40_000, dtype=np.int64).reshape(40, 1, 1000)
"""Samples of which a single value differs from all others."""

FAR = np.where(np.arange(40_000) == 7, 2**30, np.arange(40_000) % 5).reshape(40, 1, 1000).astype(np.int32)
"""Integers of which a single one lies far from all others."""

KINDS = np.arange(8)


@dataclass(frozen=True)
class Case:
    """A refusal.

    Attributes:
        source: name of the source that refuses.
        make: writes the data into a folder, and returns the path to give with --data; None for sources without one.
        option: the setting that the message names.
        value: what it is set to after that.
        given: other settings, as text, given from the beginning.
    """

    source: str
    make: Callable[[Path], Path | None]
    option: str
    value: str
    given: dict[str, str] = field(default_factory=dict)


def nothing(folder: Path) -> None:
    return None


BYTES = KINDS.astype(np.uint8)

PATIENTS = KINDS // 2
