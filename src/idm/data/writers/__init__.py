"""Writers of samples: a new format is one file and one line in ``WRITERS``."""

from collections.abc import Sequence

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.data.extras import import_extra
from idm.data.writers.animations import GifWriter, WebpWriter
from idm.data.writers.base import Form, ToWrite, Writer
from idm.data.writers.edf import EdfWriter
from idm.data.writers.fits import FitsWriter
from idm.data.writers.hdf5 import Hdf5Writer
from idm.data.writers.idx import IdxWriter
from idm.data.writers.netcdf import NetCdfWriter
from idm.data.writers.nifti import NiftiWriter
from idm.data.writers.npz import Npz
from idm.data.writers.parquet import ParquetWriter
from idm.data.writers.png import PngWriter
from idm.data.writers.table import CsvWriter
from idm.data.writers.tiff import TiffWriter
from idm.data.writers.wav import WavWriter
from idm.data.writers.zarr import ZarrWriter

WRITERS: Registry[Writer] = Registry(
    "formats",
    {
        "npz": Npz,
        "csv": CsvWriter,
        "edf": EdfWriter,
        "fits": FitsWriter,
        "gif": GifWriter,
        "hdf5": Hdf5Writer,
        "idx": IdxWriter,
        "netcdf": NetCdfWriter,
        "nifti": NiftiWriter,
        "parquet": ParquetWriter,
        "png": PngWriter,
        "tiff": TiffWriter,
        "wav": WavWriter,
        "webp": WebpWriter,
        "zarr": ZarrWriter,
    },
)

ALWAYS = "npz"
"""The format that samples are written in besides all others."""

FORMAT_OF_SOURCE = {
    "dicom": "nifti",
    "edf": "edf",
    "fits": "fits",
    "hdf5": "hdf5",
    "idx": "idx",
    "netcdf": "netcdf",
    "nifti": "nifti",
    "numeric_csv": "csv",
    "sound": "wav",
    "table": "parquet",
    "tiff": "tiff",
    "tiff_stack": "tiff",
    "wav": "wav",
    "zarr": "zarr",
}
"""The format that data of a source are written in where nobody asks for another."""


def build_writers(names: Sequence[str], form: Form) -> dict[str, Writer]:
    """Return writers of formats by name, that of exact values first.

    Raises:
        UnknownNameError: no such format.
        SettingsError: a format that cannot hold such samples.
        DataError: a package is missing.
    """
    writers = {name: WRITERS.build(name, {}) for name in (ALWAYS, *names)}
    refused = {name: wanted for name, writer in writers.items() if (wanted := writer.wanted(form))}
    if refused:
        suited = [name for name, make in WRITERS.items() if not make().wanted(form)]
        raise SettingsError(
            *(
                f"formats: for {name} {wanted} wanted, got {form.dtype} samples of shape {form.shape}; choose among "
                f"{', '.join(suited)}"
                for name, wanted in refused.items()
            )
        )
    for writer in writers.values():
        if writer.package is not None:
            import_extra(*writer.package, "formats")
    return writers


def usual_formats(source: str, form: Form) -> tuple[str, ...]:
    """Return the format that data of a source came in, where it holds such samples; nothing where there is none."""
    name = FORMAT_OF_SOURCE.get(source)
    return () if name is None or WRITERS.build(name, {}).wanted(form) else (name,)


PATTERN = "|".join(make().pattern for make in WRITERS.values())
"""Regular expression of the names of all files of any format."""

__all__ = [
    "ALWAYS",
    "FORMAT_OF_SOURCE",
    "PATTERN",
    "WRITERS",
    "Form",
    "ToWrite",
    "Writer",
    "build_writers",
    "usual_formats",
]
