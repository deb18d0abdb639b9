"""NumPy's archive: exact values of all samples, with labels and seeds."""

import io
from collections.abc import Iterator
from typing import Any, final

import numpy as np

from idm.data.writers.base import Form, ToWrite, Writer

NAME = "samples.npz"


@final
class Npz(Writer):
    """One .npz file of all samples, in the order of axes of the data."""

    place, pattern = NAME, r"samples\.npz"

    def wanted(self, form: Form) -> str:
        """Accept everything."""
        return ""

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".npz"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the one file."""
        yield self.place, npz_bytes(data=samples.arranged, **samples.beside)


def npz_bytes(**arrays: Any) -> bytes:
    """Return arrays as a compressed .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()
