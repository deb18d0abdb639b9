"""The manifest of a checkpoint: size and SHA-256 of every file, written last, and what is wrong with a folder.

Whatever the files hold, looking at them runs no code, follows no name out of the folder, and stays small in memory.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from idm.core.text import json_text

MANIFEST = "manifest.json"
LARGEST_JSON_BYTES = 4 * 2**20
"""Bytes of the largest JSON file that is read; one that is larger is none of ours."""

LARGEST_MANIFEST_BYTES = 2**18
"""Bytes of the largest manifest that is read, of more than a thousand files: it is written anew to be compared."""

DEEPEST = 12
"""A JSON file that is nested deeper is none of ours."""

LITTER = frozenset({"thumbs.db", "desktop.ini", "@eadir", "icon\r"})

_STEP = re.compile(r"step-(\d{8})")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
Json = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """What the best checkpoints are chosen by: smaller is better, among those of the same name.

    Attributes:
        name: what was measured.
        value: the finite outcome.
    """

    name: str
    value: float

    @classmethod
    def of(cls, figures: Mapping[str, float]) -> "Score | None":
        """Return the first of the figures; None if there is none, or it is not finite."""
        name, value = next(iter(figures.items()), ("", math.nan))
        return cls(name, value) if math.isfinite(value) else None

    @classmethod
    def from_plain(cls, plain: Any) -> "Score | None":
        """Read what ``to_plain`` returned; a bare number, of older checkpoints, has no name.

        Raises:
            ValueError: something else.
        """
        name, value = ("", plain) if not isinstance(plain, dict) else (plain.get("name"), plain.get("value"))
        if plain is None:
            return None
        if not isinstance(name, str) or not isinstance(value, float) or not math.isfinite(value):
            raise ValueError(f"score: a name and a finite number wanted, got {plain!r}")
        return cls(name, value)


def to_plain(score: Score | None) -> Json | None:
    """Return a score, JSON-able."""
    return None if score is None else asdict(score)


def is_of_the_system(name: str) -> bool:
    """Whether desktops, editors and network file systems leave files of such a name in any folder."""
    return name.startswith(".") or name.endswith("~") or name.lower() in LITTER


def step_name(step: int) -> str:
    """Name of the folder of a checkpoint."""
    return f"step-{step:08d}"


def step_of(path: Path) -> int | None:
    """Completed optimiser steps that a folder's name tells; None if it is no checkpoint's name."""
    match = _STEP.fullmatch(path.name)
    return int(match.group(1)) if match else None


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as it is written.

    Raises:
        ValueError: a number is not finite, for which JSON has no word.
    """
    return json_text(document, indent=1, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """Read a JSON file of bounded size and depth.

    Raises:
        OSError: the file cannot be read, or is no regular file.
        ValueError: it is too large, too deep, or no JSON.
    """
    return parse_json(_read_text(path))


def make_manifest(folder: Path, step: int, score: Score | None) -> Json:
    """Describe the files that a folder holds now.

    Args:
        folder: a checkpoint that has all but its manifest.
        step: completed optimiser steps.
        score: what the best checkpoints are chosen by; None: not known.
    """
    files = {file.name: _entry(file) for file in sorted(folder.iterdir()) if not is_of_the_system(file.name)}
    return signed({"step": step, "score": to_plain(score), "files": files})


def damage(path: Path) -> str:
    """Say what is wrong with a checkpoint folder; empty if every file has its recorded size and hash."""
    try:
        text = _read_text(path / MANIFEST, LARGEST_MANIFEST_BYTES)
        manifest = parse_json(text)
        body = {key: value for key, value in manifest.items() if key != "sha256"}
        unsigned = manifest.keys() == {"files"}  # as it was before there were steps and scores in it
        if not manifest["files"] or text != as_text(body if unsigned else signed(body)):
            return f"{MANIFEST} is not what was written"
        if not unsigned and step_of(path) not in (None, manifest["step"]):
            return f"{MANIFEST} is that of step {manifest['step']}"
        for name, entry in manifest["files"].items():
            if not _FILE.fullmatch(name):
                return f"{MANIFEST} names a file {name[:100]!r}"
            if problem := _difference(path / name, entry):
                return problem
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"manifest or file unreadable: {error}"
    return ""


def score_of(path: Path) -> Score | None:
    """Score of a checkpoint; None if it has none, or is damaged."""
    try:
        return Score.from_plain(read_json(path / MANIFEST)["score"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def parse_json(text: str) -> Any:
    """Read JSON of bounded depth.

    Raises:
        ValueError: it is too deep, or no JSON.
    """
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, (dict, list)) for inner in _values(outer)]
    if level:
        raise ValueError("nested too deeply")
    return document


def signed(body: Mapping[str, Any]) -> Json:
    """Return a document with the hash of what is in it, last."""
    return {**body, "sha256": hashlib.sha256(as_text(body).encode()).hexdigest()}


def _values(outer: Json | list[Any]) -> Iterable[Any]:
    return outer.values() if isinstance(outer, dict) else outer


def _read_text(path: Path, most: int = LARGEST_JSON_BYTES) -> str:
    _refuse_other_kinds(path)
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path.name} is larger than {most:,} bytes")
    return content.decode("utf-8")


def _difference(path: Path, entry: Json) -> str:
    _refuse_other_kinds(path)
    size = path.stat().st_size
    if size != entry["size"]:
        return f"{path.name} is not what was written: {size:,} bytes, not {entry['size']:,}"
    return "" if _entry(path) == entry else f"{path.name} is not what was written"


def _refuse_other_kinds(path: Path) -> None:
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise ValueError(f"{path.name} is no regular file")


def _entry(path: Path) -> Json:
    with path.open("rb") as stream:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
