"""Refusals of arrays and of folders of them."""

import numpy as np

from .array_files import hdf5, idx, npy, npz, one_each, store
from .case import BYTES, FLAT, UNCLEAR, Case
from .mixed_files import VAL, unknown_suffix

ARRAYS: list[Case] = [
    *(
        case
        for source, one, several in (("arrays", npz, npz), ("hdf5", hdf5, hdf5), ("zarr", store, store))
        for case in (
            Case(source, one(x=UNCLEAR), "data.source.channels", "first"),
            Case(source, one(x=UNCLEAR), "data.source.channels", "none"),
            Case(source, one(x=UNCLEAR), "data.source.spatial_dims", "2"),
            Case(source, one(x=FLAT), "data.source.spatial_dims", "2", {"data.source.spatial_dims": "1"}),
            Case(
                source,
                one(x=FLAT),
                "data.source.channels",
                "none",
                {"data.source.channels": "first", "data.source.spatial_dims": "3"},
            ),
            Case(source, several(a=FLAT, b=FLAT), "data.source.key", "b"),
            Case(source, several(a=FLAT), "data.source.key", "a", {"data.source.key": "c"}),
            Case(
                source, several(a=FLAT, b=np.arange(8)), "data.source.labels_key", "b", {"data.source.labels_key": "c"}
            ),
            Case(source, several(x=FLAT, y=np.zeros((8, 5))), "data.source.labels_key", "none"),
        )
    ),
    Case("arrays", npy(FLAT), "data.source.key", "null", {"data.source.key": "x"}),
    Case("arrays", npy(FLAT), "data.source.labels_key", "none", {"data.source.labels_key": "y"}),
    Case("arrays", unknown_suffix, "data.source.name", "arrays"),
    Case("arrays", npz(x=FLAT), "data.source.name", "arrays", {"data.source.name": "digits"}),
]

EACH = {"data.source.name": "array_folder"}

ARRAY_FOLDERS: list[Case] = [
    Case("array_folder", one_each("a", "b"), "data.source.name", "array_folder"),
    Case("array_folder", one_each(*"abcdef", shape=UNCLEAR.shape[1:]), "data.source.channels", "first"),
    Case("array_folder", one_each(*"abcdef", shape=UNCLEAR.shape[1:]), "data.source.spatial_dims", "2"),
    Case("array_folder", one_each("a", "b"), "data.source.spatial_dims", "2", EACH | {"data.source.spatial_dims": "1"}),
    Case("array_folder", one_each("a", "b/c"), "data.source.labels", "none", EACH | {"data.source.labels": "folder"}),
    Case("array_folder", one_each("train/a", "test/b"), "data.source.split", "null", EACH | VAL),
]

IDX: list[Case] = [
    Case("idx", idx(x_idx4=UNCLEAR), "data.source.channels", "first"),
    Case("idx", idx(x_idx4=UNCLEAR), "data.source.spatial_dims", "2"),
    Case("idx", idx(x_idx4=FLAT), "data.source.spatial_dims", "2", {"data.source.spatial_dims": "1"}),
    Case("idx", idx(images_idx4=FLAT, labels_idx1=BYTES[:7]), "data.source.labels", "none"),
    Case("idx", idx(train_idx4=FLAT, t10k_idx4=FLAT), "data.source.split", "null", VAL),
]
