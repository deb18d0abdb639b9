"""Data that a run was neither trained on nor split from, opened to be scored."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError
from idm.data import SOURCES, Dataset, infer_source
from idm.data.array_files import open_arrays
from idm.data.axes import LAYOUTS
from idm.data.base import Indices, Source
from idm.data.plan import permutation
from idm.experiment.data import Data
from idm.experiment.evaluate import open_run_data
from idm.experiment.run import Run

LISTED_CLASSES = 5
"""So many unknown classes are named in a message."""


def open_data_to_score(run: Run, path: str | Path | None = None) -> Data:
    """Open the data of another folder or file as held-out data, or those of the run itself.

    Other data are read with the run's codec, in its shape; nothing of them is for training.

    Args:
        run: the trained model.
        path: a folder of images, or a .npy or .npz file; None for the run's own data.

    Raises:
        DataError: they cannot be read, or are not like those of the run.
    """
    if path is not None:
        return _open_other(run, Path(path).absolute())
    try:
        return open_run_data(run)
    except DataError as error:
        *lines, last = error.lines
        advice = "" if "--data PATH" in last else ", or score other data with --data PATH"
        raise type(error)(*lines, last + advice) from error


def _open_other(run: Run, path: Path) -> Data:
    name, options = infer_source(path)
    source = SOURCES.build(name, options | _options(run, name, Path(options["path"])))
    if source.shape != run.spec.shape:
        raise DataError(f"{path}: samples of shape {run.spec.shape} wanted, got {source.shape}; choose data like them")
    labels = _labels(run, source, path)
    order = permutation(run.experiment.data.split_seed, "split", 0, len(source))  # the first are a fair sample
    none = np.empty(0, dtype=np.int64)
    spec = replace(run.spec, num_train=0, num_held_out=len(source), layout=source.layout)
    codec = run.spec.codec
    return Data(Dataset(source, codec, none, labels=labels), Dataset(source, codec, order, labels=labels), spec)


def _options(run: Run, name: str, path: Path) -> dict[str, Any]:
    """Options that read a source as the run's own data were read, as far as they were of that kind."""
    settings = run.experiment.data.source
    own = {key: value for key, value in settings.options.items() if key != "path"} if settings.name == name else {}
    if name != "image_folder":
        keys = {key: own[key] for key in ("key", "labels_key") if own.get(key) and path.suffix.lower() == ".npz"}
        return keys | _array_options(run, path, keys)
    if own.get("image_size") is None and len(set(run.spec.shape[1:])) == 1 and len(run.spec.shape) == 3:
        own["image_size"] = run.spec.shape[1]
    return own


def _array_options(run: Run, path: Path, keys: dict[str, str]) -> dict[str, Any]:
    """The layout that gives the run's shape; the run's own, where several do."""
    found = open_arrays(path, keys.get("key"), keys.get("labels_key")).data.shape
    one = np.empty((1, *run.spec.shape), dtype=np.bool_)
    names = sorted(LAYOUTS, key=lambda name: name != run.spec.layout)
    fits = [name for name in names if (name != "none" or run.spec.shape[0] == 1)]
    fits = [name for name in fits if LAYOUTS[name].restore(one).shape[1:] == found[1:]]
    if not fits or len(found) < 2:
        raise DataError(f"{path}: samples of shape {run.spec.shape} wanted, got {found[1:]}; choose data like them")
    return {"channels": fits[0]}


def _labels(run: Run, source: Source, path: Path) -> Indices | None:
    """Number the classes as the run does.

    Raises:
        DataError: no classes where the run was trained with them, or others.
    """
    known = run.spec.class_names
    if known is None:
        return None
    if source.labels is None or source.class_names is None:
        raise DataError(
            f"{path}: samples with classes wanted, as the run was trained on, got none; put images into a folder per "
            "class, or save labels with the array"
        )
    unknown = [name for name in source.class_names if name not in known]
    if unknown:
        listed = ", ".join(unknown[:LISTED_CLASSES]) + (", ..." if len(unknown) > LISTED_CLASSES else "")
        names = ", ".join(known[:LISTED_CLASSES]) + (", ..." if len(known) > LISTED_CLASSES else "")
        raise DataError(f"{path}: the run's {len(known)} classes ({names}) wanted, got {listed}; name them alike")
    return np.array([known.index(name) for name in source.class_names], dtype=np.int64)[source.labels]
