"""HDF5: all samples in one data set."""

import io
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.core.text import printable
from idm.data.extras import import_extra
from idm.data.writers.base import Form, ToWrite, Writer

NAMES = r"\w[\w -]*"
"""Names of data sets, none of which leads into a group."""


@final
class Hdf5Writer(Writer):
    """One HDF5 file of all samples, with labels and seeds as further data sets (needs h5py)."""

    place, pattern, package = "samples.h5", r"samples\.h5", ("h5py", "hdf5")

    def wanted(self, form: Form) -> str:
        """Accept everything."""
        return ""

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".h5"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the one file."""
        h5py = import_extra("h5py", "hdf5", "formats")
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            (called, values), *others = samples.by_name(NAMES).items()
            data = file.create_dataset(called, data=values, compression="gzip", shuffle=True)
            for name, beside in others:
                _put(h5py, file, name, beside)
            if samples.form.sampling_rate is not None:
                data.attrs["sampling_rate"] = samples.form.sampling_rate
        yield self.place, stream.getvalue()


def _put(h5py: Any, file: Any, name: str, values: NDArray[Any]) -> None:
    """Write a further data set; of text, what HDF5 cannot hold is written out."""
    if values.dtype.kind == "U":
        texts = [printable(text) for text in values.reshape(-1).tolist()]
        file.create_dataset(name, data=np.array(texts, dtype=object).reshape(values.shape), dtype=h5py.string_dtype())
    else:
        file.create_dataset(name, data=values)
