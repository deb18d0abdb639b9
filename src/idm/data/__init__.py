"""Data: sources, their range, their split and their order; a new source is one file and one line in ``SOURCES``."""

from idm.core.registry import Registry
from idm.data.arrays import Arrays
from idm.data.base import Indices, Samples, Source
from idm.data.codec import Codec
from idm.data.dataset import Batch, Dataset
from idm.data.digits import Digits
from idm.data.image_folder import ImageFolder
from idm.data.infer import infer_source
from idm.data.plan import batch_indices, epoch_permutation
from idm.data.split import stratified_split

SOURCES: Registry[Source] = Registry("source", {"digits": Digits, "image_folder": ImageFolder, "arrays": Arrays})

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
    "stratified_split",
]
