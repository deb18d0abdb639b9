"""One thing that was found out about a checkpoint, as the content of a file: read with limits, and checked."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, float32, float64, int64

from idm.core.errors import CheckpointError, NumericalError
from idm.storage.disk import first_not_finite
from idm.storage.manifest import LARGEST_JSON_BYTES, Json, as_text, parse_json, signed

FORMAT = 1
"""Version of what a file holds; one of a later version is refused."""

HEADER = "fit"
"""Name of the words in the header of a file of tensors."""

DTYPES = (float32, float64, int64)
"""Number formats that tensors may have."""

LONGEST_FINGERPRINT = 500
KIND, HASH = re.compile(r"[a-z][a-z0-9_]{0,39}"), re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class Fit:
    """What was found out about a checkpoint.

    Attributes:
        kind: what it is, such as "plan"; small letters, digits and underscores.
        checkpoint: SHA-256 of the manifest of the checkpoint.
        data: fingerprint of the data that it was found on; "" where none were needed, or it is not known.
        content: JSON-able values by name.
        tensors: tensors by name, of float32, float64 or int64.
    """

    kind: str
    checkpoint: str
    data: str
    content: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])

    def to_bytes(self) -> bytes:
        """Return the content of its file: JSON, or safetensors with that JSON in the header.

        Raises:
            NumericalError: a number is not finite.
            CheckpointError: the words are more than is read again.
        """
        here = {name: value.detach().cpu().contiguous() for name, value in self.tensors.items()}
        if name := first_not_finite(here):
            raise NumericalError(f"{self.kind}: {name} is not finite; nothing is written")
        body = {"format": FORMAT, "kind": self.kind, "checkpoint": self.checkpoint, "data": self.data}
        try:
            text = as_text(signed(body | {"content": dict(self.content), "tensors": hash_of(here)}))
        except ValueError as error:
            raise NumericalError(f"{self.kind}: a number is not finite; nothing is written") from error
        if len(text.encode()) > LARGEST_JSON_BYTES:
            raise CheckpointError(f"{self.kind}: at most {LARGEST_JSON_BYTES:,} bytes of words wanted, got {len(text)}")
        return save(here, {HEADER: text}) if here else text.encode()

    @classmethod
    def from_bytes(cls, content: bytes, *, with_tensors: bool) -> "Fit":
        """Read what ``to_bytes`` returned.

        Raises:
            ValueError: something else, or what was damaged since.
        """
        if not with_tensors:
            return cls._from_text(content.decode("utf-8"), {})
        try:
            text, tensors = _header_of(content), load(content)
        except (SafetensorError, LookupError, RuntimeError, TypeError) as error:
            raise ValueError(f"no safetensors: {error}") from error
        return cls._from_text(text, tensors)

    @classmethod
    def _from_text(cls, text: str, tensors: Mapping[str, Tensor]) -> "Fit":
        document = parse_json(text)
        if not isinstance(document, dict) or type(document.get("format")) is not int:
            raise ValueError("no fit")
        if document["format"] != FORMAT:
            raise ValueError(f"of format {document['format']}, this version reads {FORMAT}")
        if not all(value.dtype in DTYPES for value in tensors.values()):  # of others there may be no hash
            raise ValueError("tensors of float32, float64 or int64 wanted, got others")
        body = {key: value for key, value in document.items() if key != "sha256"}
        if signed(body) != document or body.get("tensors") != hash_of(tensors):
            raise ValueError("not what was written")
        kind, checkpoint, data, values = (body.get(name) for name in ("kind", "checkpoint", "data", "content"))
        if not (_is(KIND, kind) and _is(HASH, checkpoint) and isinstance(data, str) and isinstance(values, dict)):
            raise ValueError("a kind, the hash of a checkpoint, a fingerprint and values by name wanted, got others")
        if len(data) > LONGEST_FINGERPRINT:
            raise ValueError("a fingerprint of data wanted, got others")
        if name := first_not_finite(tensors):
            raise ValueError(f"{name[:100]} is not finite")
        return cls(str(kind), str(checkpoint), data, values, tensors)


def checkpoint_named_in(path: Path, *, with_tensors: bool) -> str:
    """Return the checkpoint that a file says it is of, whatever else it holds; "" where it says none.

    Of tensors nothing is read.
    """
    try:
        with path.open("rb") as stream:
            if with_tensors:
                size = stream.read(8)
                text = _header_of(size + stream.read(min(int.from_bytes(size, "little"), 2 * LARGEST_JSON_BYTES)))
            else:
                text = stream.read(LARGEST_JSON_BYTES).decode("utf-8")
        named = parse_json(text)["checkpoint"]
    except (OSError, LookupError, TypeError, ValueError):
        return ""
    return named if _is(HASH, named) else ""


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _header_of(content: bytes) -> str:
    """Return the words in the header of a file of tensors, which is as long as its first eight bytes say.

    Raises:
        ValueError, LookupError, TypeError: there are none.
    """
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= min(len(content) - 8, 2 * LARGEST_JSON_BYTES):
        raise ValueError("no header")
    header: Json = parse_json(content[8 : 8 + length].decode("utf-8"))
    text = header["__metadata__"][HEADER]
    if not isinstance(text, str):
        raise TypeError("no words in the header")
    return text


def hash_of(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, types, shapes and values; "" where there are none."""
    if not tensors:
        return ""
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        total.update(f"{name!r} {value.dtype} {tuple(value.shape)} ".encode())
        total.update(value.numpy().tobytes())
    return total.hexdigest()
