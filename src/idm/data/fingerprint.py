"""A short text that tells whether data are what they were: a hash of each of several aspects of their samples.

Two fingerprints of the same data are equal wherever the data lie; where they differ, the aspects say in what. A large
set is not read as a whole: the contents of 1,000 samples, spread over all, stand for the rest.
"""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

WHOLE_BYTES = 32 << 20
"""Most bytes of contents that are hashed as a whole."""

MOST_SAMPLES, FEWEST_SAMPLES = 1_000, 16
"""Samples of larger sets that are hashed; where they are large themselves, as many as WHOLE_BYTES hold."""

HASH_DIGITS = 16
"""Hexadecimal digits that are kept of each SHA-256: equal by chance once in 2^64."""


def spread(count: int, num_bytes: int) -> NDArray[np.int64]:
    """Choose the samples whose contents are hashed: all of a small set, else evenly spread ones, first and last too.

    Args:
        count: number of samples, at least 1.
        num_bytes: bytes of all of them.
    """
    if num_bytes <= WHOLE_BYTES:
        return np.arange(count)
    fitting = WHOLE_BYTES * count // num_bytes
    chosen = min(count, max(FEWEST_SAMPLES, min(MOST_SAMPLES, fitting)))
    return np.unique(np.linspace(0, count - 1, chosen).round().astype(np.int64))


def digest(parts: Iterable[bytes]) -> str:
    """Hash parts in order; where one part ends and the next begins counts."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:HASH_DIGITS]


def write_fingerprint(aspects: Mapping[str, str]) -> str:
    """Write the hash of each aspect as one text: "names=... labels=... contents=..."."""
    return " ".join(f"{name}={value}" for name, value in aspects.items())


def differing(then: str, now: str) -> list[str]:
    """Name the aspects in which two fingerprints differ; an empty one is unknown and differs from none."""
    if not then or not now:
        return []
    old, new = _aspects(then), _aspects(now)
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _aspects(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split())
    return {name: value for name, _, value in parts}
