"""Checking whatever lies at a path."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from idm.core.errors import DataError
from idm.core.progress import SILENT, Listener
from idm.data.check.images import check_listed
from idm.data.check.result import DataCheck, folder_and_file
from idm.data.check.samples import check_source
from idm.data.check.training import Opener, open_as_training
from idm.data.infer import IMAGES, INDEX, fitting, locate
from idm.data.sources.csv_images import list_csv
from idm.data.sources.image_folder import list_folder
from idm.data.sources.index import read_index
from idm.data.sources.webdataset import list_shards
from idm.data.sources.zipped import list_zip

LISTS = {IMAGES: list_folder, "csv": list_csv, "webdataset": list_shards, "zip": list_zip}
"""What finds the images of a source."""


def check_path(path: str | Path) -> DataCheck:
    """Check images one by one, and every other kind of data sample by sample.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    name, place = locate(path)
    return check_located(name, {"path": str(place)})


def check_located(
    name: str, options: Mapping[str, Any], opener: Opener = open_as_training, listener: Listener = SILENT
) -> DataCheck:
    """Check the data that a source opens.

    Args:
        name: name of the source.
        options: those of its options that are given; images in a folder are brought to a size that fits where none is.
        opener: opens the source as training would, or raises what training would refuse it for.
        listener: hears how looking at the samples gets on.

    Raises:
        DataError: no images in a folder that should have some; no index.
    """
    check = _checked(name, options, opener, listener)
    return replace(check, outside=_outside(name, check))


def _checked(name: str, options: Mapping[str, Any], opener: Opener, listener: Listener) -> DataCheck:
    if name not in LISTS:
        return check_source(name, _with_size(name, options), opener, listener)
    find = LISTS[name]
    taken = {key: value for key, value in options.items() if key in inspect.signature(find).parameters}
    try:
        images = find(Path(options["path"]), **taken)
    except DataError:
        if name == IMAGES:
            raise
        return check_source(name, options, opener, listener)  # the source says the same of its list
    return check_listed(name, options, images, opener, listener)


def check_images(root: Path) -> DataCheck:
    """Hash and decode every image file below a folder, and judge them as training would with inferred settings.

    Raises:
        DataError: no such folder, or no image files in it.
    """
    return check_located(IMAGES, {"path": str(root)})


def _with_size(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the size that an index brings its images to."""
    size = fitting(name, options) if name == INDEX and "image_size" not in options else None
    return options if size is None else {**options, "image_size": size}


def _outside(name: str, check: DataCheck) -> tuple[str, ...]:
    """Name the files that lie outside of the folder they are listed in, by their path or behind a link."""
    if not check.path:
        return ()
    folder, files = folder_and_file(Path(check.path))[0], check.files
    if name == INDEX and check.opened is not None:
        index = read_index(Path(check.path))
        folder, files = Path(index.folder), index.files
    named = dict.fromkeys(entry.archive or entry.path for entry in files if entry.num_bytes is not None)
    home = Path(os.path.realpath(folder))
    return tuple(file for file in named if not Path(os.path.realpath(folder / file)).is_relative_to(home))
