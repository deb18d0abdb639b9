"""Checking whatever lies at a path."""

from pathlib import Path

from idm.core.errors import DataError
from idm.data.check.images import check_images, check_listed
from idm.data.check.result import DataCheck
from idm.data.check.samples import check_source
from idm.data.csv_images import list_csv
from idm.data.infer import IMAGES, locate
from idm.data.webdataset import list_shards

LISTS = {"csv": list_csv, "webdataset": list_shards}
"""What finds the images of a source."""


def check_path(path: str | Path) -> DataCheck:
    """Check images one by one, and every other kind of data sample by sample.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    name, place = locate(path)
    if name == IMAGES:
        return check_images(place)
    if name not in LISTS:
        return check_source(name, {"path": str(place)})
    try:
        images = LISTS[name](place)
    except DataError:  # the source says the same of its list
        return check_source(name, {"path": str(place)})
    return check_listed(name, place, images)
