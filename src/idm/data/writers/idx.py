"""IDX, the format of MNIST: a file of samples, and one of labels."""

import struct
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.writers.base import Form, ToWrite, Writer

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
"""Code of each kind of values."""

ENDINGS = {
    "uint8": "ubyte",
    "int8": "byte.idx",
    "int16": "short.idx",
    "int32": "int.idx",
    "float32": "float.idx",
    "float64": "double.idx",
}
"""How names of files of each end: those of bytes as MNIST's do, others as the format calls the kind."""

LARGEST_BYTE = 255


@final
class IdxWriter(Writer):
    """A file of all samples, big-endian, in the order of axes of the data, and one of labels, if there are any."""

    place, pattern = "idx", r"idx/samples-(images|labels)-idx[0-9]-(ubyte|(byte|short|int|float|double)\.idx)"

    def wanted(self, form: Form) -> str:
        """Want numbers that the format has."""
        return "" if form.dtype.name in CODES else f"values of {', '.join(CODES)}"

    def suffix(self, form: Form) -> str:
        """Return the end that tells what a file holds."""
        return f"-images-{_kind(len(form.shape) + (form.layout != 'none'), form.dtype)}"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the one or two files."""
        data = samples.arranged
        yield f"{self.place}/samples-images-{_kind(data.ndim, data.dtype)}", idx_bytes(data)
        labels = samples.beside.get("labels")
        if labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu" and labels.min() >= 0:
            small = labels.astype(np.uint8 if labels.max() <= LARGEST_BYTE else np.int32)
            yield f"{self.place}/samples-labels-{_kind(small.ndim, small.dtype)}", idx_bytes(small)


def _kind(num_axes: int, dtype: np.dtype[Any]) -> str:
    """Return the end of the name of a file: idx3-ubyte of bytes along three axes."""
    return f"idx{num_axes}-{ENDINGS[dtype.name]}"


def idx_bytes(values: NDArray[Any]) -> bytes:
    """Return an array as an IDX file."""
    head = struct.pack(f">HBB{values.ndim}I", 0, CODES[values.dtype.name], values.ndim, *values.shape)
    return head + values.astype(values.dtype.newbyteorder(">")).tobytes()
