"""Refusals of files of one kind, and settings that all sources have."""

import numpy as np

from .array_files import nifti, npz
from .case import FAR, FLAT, SPARSE, Case, nothing
from .image_files import held_out, images, stack, with_list
from .mixed_files import FILES, gaps


def volumes_and_a_table(folder):
    (folder / "participants.tsv").write_text("id\tage\na\t30\n")
    return nifti("a", "b")(folder)


FILES_OF_ONE_KIND: list[Case] = [
    Case("nifti", volumes_and_a_table, "data.source.name", "nifti"),
    Case("nifti", nifti("a", "b"), "data.source.samples", "files", {"data.source.samples": "last"}),
    Case("nifti", nifti("a_0", "b"), "data.source.labels", "none", {"data.source.labels": "prefix"}),
    Case("nifti", nifti("train/a", "val/b"), "data.source.split", "val", {"data.source.split": "test"}),
    Case("tiff_stack", stack(), "data.source.max_pixels", "99", FILES | {"data.source.max_pixels": "9"}),
    Case("tiff_stack", stack(), "data.source.labels", "none", FILES | {"data.source.labels": "folder"}),
    Case("tiff_stack", stack(), "data.source.split", "null", FILES | {"data.source.split": "train"}),
    Case("digits", nothing, "data.source.size", "8", {"data.source.name": "digits", "data.source.size": "9"}),
    *(
        Case(
            "custom",
            nothing,
            "data.source.make",
            "'idm.data.sources.digits:Digits'",
            {"data.source.name": "custom"} | given,
        )
        for given in (
            {"data.source.make": "Digits"},
            {"data.source.make": "'no_such_module:Digits'"},
            {"data.source.make": "'json:loads'"},
        )
    ),
    Case(
        "custom",
        nothing,
        "data.source.arguments",
        "{size: 8}",
        {
            "data.source.name": "custom",
            "data.source.make": "'idm.data.sources.digits:Digits'",
            "data.source.arguments": "{sise: 8}",
        },
    ),
]

SETTINGS_OF_ALL: list[Case] = [
    Case("arrays", npz(x=FLAT), "data.random_crop", "8", {"data.random_crop": "9"}),
    Case("arrays", npz(x=FLAT), "data.random_crop", "[4,8]", {"data.random_crop": "[4,9]"}),
    Case("arrays", npz(x=FLAT), "data.patch_size", "8", {"data.patch_size": "9"}),
    Case("arrays", npz(x=FLAT), "data.patch_size", "[4,4]", {"data.patch_size": "[4]"}),
    Case(
        "arrays",
        npz(x=FLAT[:, 0, 0]),
        "data.patch_size",
        "0",
        {"data.patch_size": "4", "data.source.spatial_dims": "0"},
    ),
    Case("arrays", npz(x=FLAT), "data.patch_size", "4", {"data.patch_stride": "2"}),
    Case("arrays", npz(x=FLAT), "data.patch_stride", "[2,4]", {"data.patch_size": "4", "data.patch_stride": "[2]"}),
    Case("fits", gaps, "data.patch_size", "2", {"data.patch_size": "4", "data.source.missing": "skip"}),
    Case(
        "arrays",
        npz(x=FLAT[:1]),
        "data.held_out",
        "0",
        {"data.patch_size": "7", "data.patch_stride": "1", "data.held_out": "0.5"},
    ),
    Case(
        "arrays",
        npz(x=FLAT[:1]),
        "data.patch_size",
        "2",
        {"data.patch_size": "7", "data.patch_stride": "1", "data.held_out": "0.5"},
    ),
    Case("arrays", npz(x=np.arange(16).reshape(8, 2)), "data.random_flip", "false", {"data.random_flip": "true"}),
    Case("arrays", npz(x=FLAT), "data.standardize", "false", {"data.standardize": "true"}),
    Case("arrays", npz(x=np.eye(8, 2) * 1e300), "data.standardize", "false", {"data.standardize": "true"}),
    Case("arrays", npz(x=SPARSE), "data.range", "values", {"data.range": "percentiles"}),
    Case("arrays", npz(x=FLAT.astype(np.int64) * 1000), "data.range", "values"),
    Case("arrays", npz(x=FAR), "data.range", "percentiles"),
    Case("arrays", npz(x=SPARSE / 7), "data.range", "[0, 1]", {"data.range": "percentiles"}),
    Case("arrays", npz(x=FLAT), "data.range", "[0, 255]", {"data.range": "[0, 256]"}),
    Case("arrays", npz(x=FLAT), "data.range", "[0, 255]", {"data.range": "[3, 2]"}),
    Case("arrays", npz(x=FLAT / np.float32(7)), "data.range", "[0, 9]", {"data.range": "[0, 1.0e+300]"}),
    Case("arrays", npz(x=FLAT), "data.held_out", "2", {"data.held_out": "99"}),
    Case("arrays", npz(x=FLAT), "data.held_out_folder", "''", {"data.held_out_folder": "val"}),
    Case("arrays", with_list, "data.held_out_list", "''", {"data.held_out_list": "names.txt"}),
    *(
        Case("image_folder", held_out, "data.held_out_list", "names.txt", {"data.held_out_list": wrong})
        for wrong in ("gone.txt", "binary.txt", "others.txt", "empty.txt")
    ),
    Case("image_folder", held_out, "data.held_out_folder", "val", {"data.held_out_folder": "test"}),
    Case(
        "image_folder",
        images((8, 8), (8, 8), names=("train/a.png", "test/b.png")),
        "data.source.split",
        "null",
        {"data.held_out_folder": "test", "data.source.split": "train"},
    ),
]
