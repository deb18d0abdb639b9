"""Refusals of FITS files."""

import math

import numpy as np
from astropy.io import fits

from .case import FLAT, UNCLEAR, Case
from .mixed_files import VAL


def fits_images(*names, shape=(8, 8)):
    """Files of an image and its weights; the images of one of them miss a value."""

    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            image = np.arange(math.prod(shape)).reshape(shape).astype("i4") + number
            image.reshape(-1)[:1] = -9 if "gap" in name else 0
            units = [fits.PrimaryHDU(), fits.ImageHDU(image, name="SCI"), fits.ImageHDU(image[..., :4], name="WHT")]
            units[1].header["BLANK"] = -9
            fits.HDUList(units).writeto(folder / f"{name}.fits")
        return folder

    return make


def fits_table(folder):
    values = np.arange(8 * 16).reshape(8, 4, 4).astype("f4")
    columns = [fits.Column(name, "16E", dim="(4,4)", array=values) for name in ("g", "r")]
    kinds = fits.Column("kind", "A", array=list("abababab"))
    fits.BinTableHDU.from_columns([*columns, kinds]).writeto(folder / "a.fits")
    return folder / "a.fits"


FILL = {"data.source.missing": "fill", "data.source.fill": "0.5"}

COLUMN = {"data.source.column": "g"}

DIM = "data.source.spatial_dims"


def fits_labels(folder):
    columns = [
        fits.Column("label", "I", null=-1, array=[0, -1] * 4),
        fits.Column("x", "64E", dim="(8,8)", array=FLAT[:, 0]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "a.fits")
    return folder


FITS: list[Case] = [
    Case("fits", fits_labels, "data.source.label_column", "none"),
    Case("fits", fits_images("a", "b"), "data.source.hdu", "wht", {"data.source.hdu": "3"}),
    Case("fits", fits_images("a", "b"), "data.source.hdu", "1", {"data.source.hdu": "0"}),
    Case("fits", fits_table, "data.source.column", "g"),
    Case("fits", fits_table, "data.source.column", "g", {"data.source.column": "kind"}),
    Case("fits", fits_table, "data.source.label_column", "kind", COLUMN | {"data.source.label_column": "sort"}),
    Case("fits", fits_table, "data.source.label_column", "none", COLUMN | {"data.source.label_column": "r"}),
    Case("fits", fits_images("a", "gap", "b"), "data.source.missing", "skip"),
    Case("fits", fits_images("gap"), "data.source.missing", "fill", {"data.source.missing": "skip"}),
    Case("fits", fits_images("a", "gap"), "data.source.fill", "-1", FILL),
    Case("fits", fits_images("a", "b/c"), "data.source.labels", "none", {"data.source.labels": "folder"}),
    Case("fits", fits_images("train/a", "test/b"), "data.source.split", "null", VAL),
    Case("fits", fits_images("a", "b", shape=UNCLEAR.shape[1:]), "data.source.channels", "first"),
    Case("fits", fits_images("a", "b", shape=UNCLEAR.shape[1:]), DIM, "2"),
    Case("fits", fits_images("a", "b", shape=(3, 8, 8)), DIM, "2", {DIM: "1"}),
]
