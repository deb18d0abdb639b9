"""Which source opens what, as far as names of files tell."""

from idm.data.arrays.dicom_files import DICOM_SUFFIXES
from idm.data.arrays.fits_files import FITS_SUFFIXES
from idm.data.arrays.idx_files import IDX_SUFFIXES
from idm.data.sources.edf import EDF_SUFFIXES
from idm.data.sources.sound import SOUND_SUFFIXES
from idm.data.sources.variable_files import NETCDF_SUFFIXES
from idm.data.sources.wav import WAV_SUFFIXES

IMAGES, INDEX = "image_folder", "index"
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})

SOURCE_OF = {
    ".npy": "arrays",
    ".npz": "arrays",
    ".csv": "csv",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".jsonl": "index",
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".parquet": "table",
    ".tar": "webdataset",
    ".tif": "tiff_stack",
    ".tiff": "tiff_stack",
    ".tsv": "numeric_csv",
    ".zip": "zip",
    **dict.fromkeys(DICOM_SUFFIXES, "dicom"),
    **dict.fromkeys(EDF_SUFFIXES, "edf"),
    **dict.fromkeys(FITS_SUFFIXES, "fits"),
    **dict.fromkeys(IDX_SUFFIXES, "idx"),
    **dict.fromkeys(NETCDF_SUFFIXES, "netcdf"),
    **dict.fromkeys(SOUND_SUFFIXES, "sound"),
    **dict.fromkeys(WAV_SUFFIXES, "wav"),
}
"""Which source opens a single file of each suffix."""

ALIKE = {"csv": "numeric_csv", "arrays": "array_folder", "tiff_stack": "tiff"}
"""Another source of files of the same suffixes: what is in a file tells, or how many .npy files a folder has."""

WHOLE_FOLDERS = frozenset({"dicom", "edf", "fits", "idx", "netcdf", "nifti", "sound", "table", "wav", "webdataset"})
"""Sources that open all of their files in a folder together."""

NAMED_FREELY = frozenset({IMAGES, "array_folder", "edf", "sound", "wav"})
"""Sources whose files may have words for parts in their names by chance: every one must have one."""

FOLDERS = WHOLE_FOLDERS | {IMAGES, "array_folder", "tiff", "tiff_stack", "zarr"}
"""Sources that open folders."""

BY_MEMBER = {
    "DICOMDIR": "dicom",
    "zarr.json": "zarr",
    ".zgroup": "zarr",
    ".zarray": "zarr",
    "state.json": "table",
    "dataset_dict.json": "table",
}
"""Which source opens a folder that has a file of this name."""


def source_of_file(file: str) -> str | None:
    """Name the source that opens a file by its suffix; None if none does."""
    return next((name for suffix, name in SOURCE_OF.items() if file.lower().endswith(suffix)), None)


def sources_of(file: str) -> set[str]:
    """Name the sources that may open a file by its suffix."""
    name = source_of_file(file)
    return set() if name is None else {name, ALIKE.get(name, name)}
