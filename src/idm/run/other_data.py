"""Data that a run was neither trained on nor split from, opened to be scored."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, Dataset
from idm.data.arrays.axes import LAYOUTS
from idm.data.attributes import OPTION as ATTRIBUTES
from idm.data.attributes import read_attributes
from idm.data.base import Source
from idm.data.infer import locate, parts_in
from idm.data.parts import TO_SCORE
from idm.data.plan import permutation
from idm.data.sizes import Sizes, along_axes, are_within
from idm.run.data import PATHS, Data, in_patches
from idm.run.labels import number_names
from idm.run.opened import Opened
from idm.run.own_data import open_run_data
from idm.run.spec import DataSpec, size_for_images
from idm.settings import from_plain
from idm.settings.experiment import DataSettings, SourceSettings
from idm.settings.schema import option_paths

LOOKED_AT, LOOKED_AT_VALUES = 256, 2**24
"""Most samples, and most values of them, that are compared with the range of the data that they are to be like."""


@dataclass(frozen=True)
class Like:
    """What other data are to be like.

    Attributes:
        settings: how the known data are opened; the same is tried first.
        spec: what is known of them: other data are to have their shape, classes and sampling rate, and get their codec.
    """

    settings: DataSettings
    spec: DataSpec


def open_data_to_score(run: Opened, path: str | Path | None = None, source: Mapping[str, Any] | None = None) -> Data:
    """Open the data of another folder or file as held-out data, or those of the run itself.

    Other data are read with the run's codec, in its shape; nothing of them is for training. Of data that are of parts,
    such as train and test, the part to test is read, or else the one to validate, unless ``source`` says another.

    Args:
        run: the trained model.
        path: a file or folder of any kind that ``idm train --data`` reads; None for the run's own data.
        source: options that open the other data where those of the run do not: ``{"key": "images"}``; ``"name"`` is
            that of the source.

    Raises:
        SettingsError: options that the source does not have, or of a wrong type.
        DataError: they cannot be read, or are not like those of the run.
    """
    if path is not None:
        return open_like(Like(run.experiment.data, run.spec), Path(path).absolute(), source or {})
    try:
        return open_run_data(run)
    except DataError as error:
        *lines, last = error.lines
        advice = "" if "data=PATH" in last else "; score data that lie elsewhere, or others, with data=PATH"
        raise type(error)(*lines, last + advice) from error


def open_like(like: Like, path: Path, told: Mapping[str, Any]) -> Data:
    """Open data in the shape and range of others, as held-out data; errors are as of ``open_data_to_score``.

    Args:
        like: the others.
        path: a file or folder.
        told: as ``source`` there.
    """
    name, place = locate(path, told.get("name"))
    source = _open_source(like, path, name, place, told)
    _refuse_other_rate(like, source, place)
    labels = _labels(like, source, place)
    order = permutation(like.settings.split_seed, "split", 0, len(source))  # the first are a fair sample
    none = np.empty(0, dtype=np.int64)
    codec, crop = like.spec.codec, like.settings.random_crop
    looked_at = max(1, min(len(source), LOOKED_AT, LOOKED_AT_VALUES // math.prod(source.shape)))
    source.remarks += codec.remarks_on(source.read(order[:looked_at]))
    spec = replace(
        like.spec,
        num_train=0,
        num_held_out=len(source),
        layout=source.layout,
        held_out_hash="",
        fingerprint=source.fingerprint(),
    )
    return Data(
        Dataset(source, codec, none, labels=labels, crop=crop),
        Dataset(source, codec, order, labels=labels, crop=crop),
        spec,
    )


def _open_source(like: Like, path: Path, name: str, place: Path, told: Mapping[str, Any]) -> Source:
    """Open the data in the order of axes that gives the run's shape; in the run's own, where several do.

    Raises:
        DataError: they cannot be read, or have another shape in every order.
    """
    own = like.settings.source
    if own.name in ("tiff", "tiff_stack") and name in ("image_folder", "tiff", "tiff_stack") and "name" not in told:
        name = own.name  # a folder of TIFF files is either
    keys = SOURCES.options(name)
    options = _options(like, name, place) | _told_options(name, place, told)
    if "split" in keys and "split" not in told:
        parts = parts_in(name, options).values()
        options |= {"split": next((part for part in TO_SCORE if part in parts), None)}
    rules = _channel_rules(like, name) if "channels" in keys and "channels" not in told else [{}]
    found: list[tuple[int, ...]] = []
    refused: DataError | None = None
    for rule in rules:
        try:
            source = _build(like, name, options | rule)
        except UnreadableFileError:
            raise
        except DataError as error:  # this order of axes, or anything else, which the others will tell, too
            refused = refused or error
            continue
        if _cropped(source.shape, like.settings.random_crop) == like.spec.shape:
            return source
        found.append(source.shape)
    if not found and refused is not None:
        raise refused
    larger = " or larger" if like.settings.cuts else ""
    wanted = f"samples of shape {like.spec.shape}{larger} wanted"
    raise DataError(f"{path}: {wanted}, got {found[0]}; choose data like them")


def _build(like: Like, name: str, options: Mapping[str, Any]) -> Source:
    """Open a source, in patches as the run's own data where they fit into it.

    Raises:
        DataError: it cannot be read.
    """
    settings = like.settings
    source = SOURCES.build(name, options, apart=settings.apart, in_patches=bool(settings.patch_size))
    return in_patches(settings, source, to_split=False) if are_within(settings.patch_size, source.shape[1:]) else source


def _told_options(name: str, path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options that were told of a source, and return them with its path.

    Raises:
        SettingsError: options that the source does not have, or of a wrong type.
    """
    source = {**told, "name": name, "path": str(path)}
    full = from_plain(SourceSettings, source, "data.source")
    return {key: value for key, value in vars(full.options).items() if key in source}


def _options(like: Like, name: str, path: Path) -> dict[str, Any]:
    """Options that read a source as the run's own data were read, as far as they were of that kind."""
    settings, keys = like.settings.source, SOURCES.options(name)
    own = vars(settings.options) if settings.name == name else {}
    given = {key: value for key, value in own.items() if key not in (*PATHS, "channels", "spatial_dims", "split")}
    if path.suffix.lower() == ".npy":  # its arrays have no names
        given = {key: value for key, value in given.items() if key not in ("key", "labels_key")}
    if "image_size" in keys:
        given["image_size"] = size_for_images(like.settings, like.spec)
        given["pixels"] = settings.get("pixels") or "refuse"
    if "columns" in keys and like.spec.channel_names is not None:
        given["columns"] = like.spec.channel_names  # by name, in whatever order the other file has them
    if "window" in keys and len(like.spec.shape) == 2 and not like.settings.cuts:
        given["window"] = like.spec.shape[1]
    if "labels" in keys and not own and like.spec.class_names is not None:
        given["labels"] = "auto"
    return given


def _channel_rules(like: Like, name: str) -> list[dict[str, Any]]:
    """All orders of axes, the one that the run was told first, then the one it found."""
    settings = like.settings.source
    told = settings.get("channels") if settings.name == name else None
    return [{"channels": rule} for rule in sorted(LAYOUTS, key=lambda rule: (rule != told, rule != like.spec.layout))]


def _refuse_other_rate(like: Like, source: Source, path: Path) -> None:
    """Refuse signals of another sampling rate than the run's, where both are known.

    Raises:
        DataError: they are.
    """
    wanted, found = like.spec.sampling_rate, source.sampling_rate
    if wanted is not None and found is not None and wanted != found:
        raise DataError(f"{path}: a sampling rate of {wanted:,g} Hz wanted, got {found:,g} Hz; resample the data")


def _cropped(shape: tuple[int, ...], crop: Sizes) -> tuple[int, ...]:
    return (shape[0], *(map(min, along_axes(crop, shape[1:]), shape[1:]) if crop else shape[1:]))


def _labels(like: Like, source: Source, path: Path) -> NDArray[Any] | None:
    """Number the classes as the run does, or read the numbers that it is told.

    Raises:
        DataError: no classes or numbers where the run was trained with them, or others.
    """
    if like.spec.attributes is not None:
        with option_paths("data", (ATTRIBUTES,)):
            return like.spec.attributes.standardize(read_attributes(source, like.settings.attributes)[1])
    known = like.spec.class_names
    if known is None:
        return None
    if source.labels is None or source.class_names is None:
        raise DataError(
            f"{path}: samples with classes wanted, as the run was trained on, got none; put images into a folder per "
            "class, or save labels with the array"
        )
    return np.array(number_names(path, source.class_names, known), dtype=np.int64)[source.labels]
