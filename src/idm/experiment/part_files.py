"""The files of a long job: tensors with a row per sample, and which request they belong to."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from idm.training.disk import replace_file

Part = dict[str, Tensor]
REQUEST = "request"
"""Name of the hash of the request among what a file says of itself."""


def write_part(path: Path, part: Part, request: str) -> None:
    """Write a part, whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    tensors = {name: value.cpu().contiguous() for name, value in part.items()}
    replace_file(path, save(tensors, metadata={REQUEST: request}))


def has_part(path: Path, rows: int, request: str) -> bool:
    """Whether a file is whole, of that request, and has so many rows; the tensors are not read."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with safe_open(path, "pt") as opened:
            ours = (opened.metadata() or {}).get(REQUEST) == request
            return ours and all(opened.get_slice(name).get_shape()[:1] == [rows] for name in opened.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return False


def read_part(path: Path, rows: int, request: str) -> Part | None:
    """Read a part; None if it is not there, not whole, or of another request."""
    if not has_part(path, rows, request):
        return None
    try:
        with safe_open(path, "pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
