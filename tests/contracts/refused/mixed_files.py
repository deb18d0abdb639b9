"""Files of several kinds, lists of them and parts, as cases make them."""

import json

import numpy as np
import pyarrow
from astropy.io import fits
from PIL import Image

from idm.data.check import check_path

from .case import FLAT


def saved_splits(folder):
    table = pyarrow.table({"x": np.arange(24).reshape(8, 3).tolist()})
    (folder / "dataset_dict.json").write_text("{}")
    for split in ("good", "bad"):
        (folder / split).mkdir()
        with pyarrow.ipc.new_stream(str(folder / split / "data.arrow"), table.schema) as stream:
            stream.write_table(table)
        (folder / split / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
        (folder / split / "dataset_info.json").write_text("{}")
    return folder


def indexed(make, refused=0):
    def index(folder):
        (folder / "data").mkdir()
        make(folder / "data")
        for number in range(refused):
            Image.new("RGBA", (8, 8)).save(folder / "data" / f"refused-{number}.png")
        (folder / "index.jsonl").write_text(check_path(folder / "data").index.to_text(), encoding="utf-8")
        return folder / "index.jsonl"

    return index


def unknown_suffix(folder):
    np.save(folder / "a.npy", FLAT)
    return (folder / "a.npy").rename(folder / "a.bin")


def two_files(folder):
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", FLAT)
    Image.new("L", (8, 8), 1).save(folder / "a.png")
    Image.new("L", (8, 8), 2).save(folder / "b.png")
    return folder


FILES = {"data.source.name": "tiff_stack"}

VAL = {"data.source.split": "val"}


def gaps(folder):
    """An image of which one corner is missing."""
    values = np.arange(16.0).reshape(4, 4)
    values[0, 0] = np.nan
    fits.PrimaryHDU(values).writeto(folder / "a.fits")
    return folder / "a.fits"
