"""Refusals of NetCDF, DICOM and TIFF files of fields."""

import numpy as np
import tifffile

from ...dicoms import write as write_dicom
from .case import FLAT, Case
from .mixed_files import VAL
from .netcdf_files import DEEP, IMAGES_OF, missing_labels, netcdf, scaled_labels, unnamed_axes

VARIABLES, LABELLED, SPACE = "data.source.variables", "data.source.label_variable", "data.source.channel_axes"

NETCDF: list[Case] = [
    Case("netcdf", IMAGES_OF, VARIABLES, "[t]", {VARIABLES: "[u]"}),
    Case("netcdf", IMAGES_OF, VARIABLES, "[t]", {VARIABLES: "[t, z]"}),
    Case("netcdf", netcdf(a={"t": ("ab", (8, 8)), "u": ("ab", (8, 8))}, b={"t": ("ab", (8, 8))}), VARIABLES, "[t]"),
    Case("netcdf", IMAGES_OF, "data.source.sample_axes", "[a]", {"data.source.sample_axes": "[d]"}),
    Case("netcdf", IMAGES_OF, SPACE, "[b]", {SPACE: "[d]"}),
    Case("netcdf", DEEP, SPACE, "[b]"),
    Case("netcdf", DEEP, "data.source.sample_axes", "[a, b]"),
    Case("netcdf", IMAGES_OF, LABELLED, "sort", {LABELLED: "kind"}),
    Case("netcdf", IMAGES_OF, LABELLED, "none", {LABELLED: "z"}),
    Case("netcdf", scaled_labels, LABELLED, "none", {LABELLED: "sort"}),
    Case("netcdf", missing_labels, LABELLED, "none", {LABELLED: "sort"}),
    Case("netcdf", netcdf(a={"t": ("ab", (8, 8)), "v": ("abb", (8, 8, 8))}), VARIABLES, "[t]", {VARIABLES: "[v]"}),
    Case("netcdf", IMAGES_OF, "data.source.sample_axes", "[b]", {SPACE: "[a]"}),
    Case("netcdf", IMAGES_OF, SPACE, "[b]", {SPACE: "[a]"}),
    Case("netcdf", unnamed_axes, "data.source.name", "hdf5"),
    Case("netcdf", netcdf(train={"t": ("ab", (8, 8))}, test={"t": ("ab", (8, 8))}), "data.source.split", "null", VAL),
]


def slices(*series):
    """Files of slices by name, each with the identifier of its series and its number there."""

    def make(folder):
        for name, identifier, number in series:
            told = {"SeriesInstanceUID": identifier, "InstanceNumber": number}
            write_dicom(folder / f"{name}.dcm", FLAT[number, 0], **told)
        return folder

    return make


LABELS = "data.source.labels"

VOLUMES = {"data.source.samples": "volumes"}

DICOM: list[Case] = [
    Case("dicom", slices(("a", "1", 1), ("b", "1", 2), ("c", "2", 1)), "data.source.samples", "slices", VOLUMES),
    Case("dicom", slices(("a", "1", 1), ("b", "1", 1)), "data.source.samples", "slices", VOLUMES),
    Case(
        "dicom", slices(("a_0", "1", 1), ("b", "1", 1)), "data.source.labels", "none", {"data.source.labels": "prefix"}
    ),
    Case("dicom", slices(("train/a", "1", 1), ("test/b", "2", 1)), "data.source.split", "null", VAL),
]


def bands(*names):
    def make(folder):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            values = np.arange(4 * 5 * 7).reshape(4, 5, 7).astype("u2")
            tifffile.imwrite(folder / f"{name}.tif", values, photometric="minisblack", planarconfig="contig")
        return folder

    return make


TIFFS: list[Case] = [
    Case("tiff", bands("a", "b/c"), LABELS, "none", {LABELS: "folder"}),
    Case("tiff", bands("train/a", "test/b"), "data.source.split", "null", VAL),
]
