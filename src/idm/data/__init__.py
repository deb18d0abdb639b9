"""Data: sources, their range, their split and their order; a new source is one file and one line in ``SOURCES``."""

from collections.abc import Callable

from idm.core.registry import Registry
from idm.data.base import Indices, Samples, Source
from idm.data.codec import Codec
from idm.data.dataset import Batch, Dataset
from idm.data.infer import infer_source
from idm.data.plan import batch_indices, epoch_permutation, with_epochs
from idm.data.sources.array_folder import ArrayFolder
from idm.data.sources.arrays import Arrays
from idm.data.sources.csv_images import csv_source
from idm.data.sources.custom import custom_source
from idm.data.sources.dicom import Dicom
from idm.data.sources.digits import Digits
from idm.data.sources.edf import Edf
from idm.data.sources.fits import Fits
from idm.data.sources.hdf5 import Hdf5
from idm.data.sources.idx import Idx
from idm.data.sources.image_folder import ImageFolder
from idm.data.sources.indexed import source_of_indexes
from idm.data.sources.netcdf import NetCdf
from idm.data.sources.nifti import Nifti
from idm.data.sources.numeric_csv import NumericCsv
from idm.data.sources.sound import Sound
from idm.data.sources.table import table_source
from idm.data.sources.tiff import Tiff
from idm.data.sources.tiff_stack import TiffStack
from idm.data.sources.wav import Wav
from idm.data.sources.webdataset import webdataset_source
from idm.data.sources.zarr import Zarr
from idm.data.sources.zipped import zip_source
from idm.data.split import split_by_folder, split_by_list, stratified_split

_FOUND: dict[str, Callable[..., Source]] = {
    "digits": Digits,
    "image_folder": ImageFolder,
    "arrays": Arrays,
    "array_folder": ArrayFolder,
    "csv": csv_source,
    "numeric_csv": NumericCsv,
    "tiff_stack": TiffStack,
    "idx": Idx,
    "dicom": Dicom,
    "edf": Edf,
    "fits": Fits,
    "hdf5": Hdf5,
    "zarr": Zarr,
    "netcdf": NetCdf,
    "nifti": Nifti,
    "sound": Sound,
    "table": table_source,
    "tiff": Tiff,
    "wav": Wav,
    "webdataset": webdataset_source,
    "zip": zip_source,
    "custom": custom_source,
}
SOURCES: Registry[Source] = Registry("source", {**_FOUND, "index": source_of_indexes(Registry("source", _FOUND))})

__all__ = [
    "SOURCES",
    "Arrays",
    "Batch",
    "Codec",
    "Dataset",
    "Digits",
    "ImageFolder",
    "Indices",
    "Samples",
    "Source",
    "batch_indices",
    "epoch_permutation",
    "infer_source",
    "split_by_folder",
    "split_by_list",
    "stratified_split",
    "with_epochs",
]
