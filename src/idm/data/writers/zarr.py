"""Zarr: all samples in one array of a store."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

import numpy as np

from idm.data.extras import import_extra
from idm.data.writers.base import Form, ToWrite, Writer

NAMES = r"[a-z_]+"
"""Names of arrays, which are those of folders."""


@final
class ZarrWriter(Writer):
    """A store of version 2 with all samples, labels and seeds as arrays (needs zarr)."""

    place, pattern, package = "samples.zarr", rf"samples\.zarr/({NAMES}/)?[.a-z0-9]+", ("zarr", "zarr")

    def wanted(self, form: Form) -> str:
        """Accept everything."""
        return ""

    def suffix(self, form: Form) -> str:
        """Return that of the folder, and the file that every store has."""
        return ".zarr/.zgroup"

    def files(self, samples: ToWrite) -> Iterator[tuple[str, bytes]]:
        """Give the files of the store; made on disk, in version 2 of the format (the library writes 3 unless told)."""
        zarr, arrays = import_extra("zarr", "zarr", "formats"), samples.by_name(NAMES)
        with TemporaryDirectory() as folder:
            group = zarr.open_group(folder, mode="w", zarr_format=2)
            for name, values in arrays.items():
                group.create_array(name, data=np.ascontiguousarray(values))
            if samples.form.sampling_rate is not None:
                group[next(iter(arrays))].attrs["sampling_rate"] = samples.form.sampling_rate
            for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                yield f"{self.place}/{path.relative_to(folder).as_posix()}", path.read_bytes()
