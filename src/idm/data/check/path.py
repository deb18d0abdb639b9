"""Checking whatever lies at a path."""

from pathlib import Path

from idm.data.check.images import check_images
from idm.data.check.result import DataCheck
from idm.data.check.samples import check_source
from idm.data.infer import IMAGES, locate


def check_path(path: str | Path) -> DataCheck:
    """Check a folder of images file by file, and every other kind of data sample by sample.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    name, place = locate(path)
    return check_images(place) if name == IMAGES else check_source(name, {"path": str(place)})
