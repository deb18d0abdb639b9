"""Changes of bytes and of nested values, drawn at random."""

import copy
import random
from collections.abc import Iterator
from typing import Any

WORDS = (
    "",
    " ",
    "x",
    "none",
    "null",
    "true",
    "nan",
    "inf",
    "-inf",
    "ü",
    "日本",
    "a\nb",
    "a\x00b",
    "\ud7ff",
    "{}",
    "[]",
)
ODD_TEXT = (
    *WORDS,
    "x" * 5_000,
    "../..",
    "%s%n",
    "{0}",
    "\x1b[31m",
    "'; --",
    "1_000",
    "\uff11",
    "0x10",
    "1e3",
    "1e400",
    "5 GB",
)
ODD_NUMBERS = (-1, 0, 1, 2, -(2**31), 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(10**400), 0.0, -0.0, 0.5, -0.5, 1.5)
ODD_FLOATS = (1e-300, 1e300, float("nan"), float("inf"), float("-inf"))
ODD_OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    [1, "a"],
    {"name": 1},
    {"a": {"b": [1]}},
    {"": 0},
)
ODD = (*ODD_TEXT, *ODD_NUMBERS, *ODD_FLOATS, *ODD_OTHERS)


def misspelt(name: str, rng: random.Random) -> str:
    """Drop, double, swap or replace a letter."""
    at = rng.randrange(len(name)) if name else 0
    head, tail = name[:at], name[at + 1 :]
    letter = name[at : at + 1]
    return rng.choice([head + tail, head + letter * 2 + tail, head + tail[:1] + letter + tail[1:], f"{head}é{tail}"])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values below the top."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(value: Any, rng: random.Random, odd=ODD) -> Any:
    """Return nested values with one of them replaced, left out, added, renamed or moved up."""
    value = copy.deepcopy(value)
    paths = list(places(value))
    if not paths:
        return rng.choice(odd)
    *way, key = rng.choice(paths)
    home = value
    for step in way:
        home = home[step]
    kind = rng.random()
    if kind < 0.6:
        home[key] = rng.choice(odd)
    elif kind < 0.75:
        del home[key]
    elif kind < 0.85 and isinstance(home, dict):
        home[misspelt(str(key), rng)] = home.pop(key)
    elif kind < 0.95 and isinstance(home, dict):
        home[rng.choice(["extra", "", "name", "ü", "__class__"])] = rng.choice(odd)
    else:
        home[key] = [home[key]]
    return value


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with up to four flips, overwritten, inserted, removed or repeated stretches, or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice([1, 2, 4, 16, 200])
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            data[at:at] = rng.randbytes(length)
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at : at + length] = bytes([rng.choice([0, 255])]) * length
        elif kind == 5:
            data[at:at] = data[at : at + length]
        elif rng.random() < 0.5:
            del data[at:]
    return bytes(data)
