"""Data: sources, their range, their split and their order; a new source is one file and one line in ``SOURCES``."""

from idm.core.registry import Registry
from idm.data.arrays import Arrays
from idm.data.base import Indices, Samples, Source
from idm.data.codec import Codec
from idm.data.csv_images import csv_source
from idm.data.custom import custom_source
from idm.data.dataset import Batch, Dataset
from idm.data.digits import Digits
from idm.data.hdf5 import Hdf5
from idm.data.image_folder import ImageFolder
from idm.data.indexed import index_source
from idm.data.infer import infer_source
from idm.data.nifti import Nifti
from idm.data.plan import batch_indices, epoch_permutation, with_epochs
from idm.data.split import split_by_folder, split_by_list, stratified_split
from idm.data.table import table_source
from idm.data.tiff_stack import TiffStack
from idm.data.webdataset import webdataset_source
from idm.data.zarr import Zarr

SOURCES: Registry[Source] = Registry(
    "source",
    {
        "digits": Digits,
        "image_folder": ImageFolder,
        "arrays": Arrays,
        "csv": csv_source,
        "tiff_stack": TiffStack,
        "hdf5": Hdf5,
        "zarr": Zarr,
        "nifti": Nifti,
        "table": table_source,
        "webdataset": webdataset_source,
        "custom": custom_source,
        "index": index_source,
    },
)

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
