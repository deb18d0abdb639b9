"""The files of a long job: tensors with a row per sample, and which request they belong to."""

from collections.abc import Mapping
from pathlib import Path
from typing import final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from idm.core.files import write_atomically
from idm.storage.disk import first_not_finite

Part = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]
REQUEST = "request"
"""Name of the hash of the request among what a file says of itself."""


def write_part(path: Path, part: Part, request: str) -> None:
    """Write a part, whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    tensors = {name: value.cpu().contiguous() for name, value in part.items()}
    write_atomically(path, save(tensors, metadata={REQUEST: request}), durable=True)


def has_part(path: Path, rows: int, request: str, shapes: Shapes) -> bool:
    """Whether a file is whole, of that request, and has so many rows of those shapes; the tensors are not read."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with safe_open(path, "pt") as opened:
            found = {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118
            wanted = {name: [rows, *shape] for name, shape in shapes.items()}
            return (opened.metadata() or {}).get(REQUEST) == request and found == wanted
    except (OSError, RuntimeError, SafetensorError):
        return False


def read_part(path: Path, rows: int, request: str, shapes: Shapes) -> Part | None:
    """Read a part; None if it is not there, not whole, of another request or shape, or not finite."""
    if not has_part(path, rows, request, shapes):
        return None
    try:
        with safe_open(path, "pt") as opened:
            part = {name: opened.get_tensor(name) for name in shapes}
            return None if first_not_finite(part) else part
    except (OSError, RuntimeError, SafetensorError):
        return None


@final
class Whole:
    """Parts put together: room for all is made once, so that memory holds the whole and one part, not two wholes."""

    def __init__(self, num: int) -> None:
        """Begin with no rows of so many."""
        self._num = num
        self.rows: Part = {}

    def add(self, numbers: range, part: Part) -> None:
        """Take the rows of those numbers; all there are at once are kept as they are."""
        if len(numbers) == self._num:
            self.rows = part
            return
        for name, value in part.items():
            rows = self.rows.setdefault(name, value.new_empty(self._num, *value.shape[1:]))
            rows[numbers.start : numbers.stop] = value
