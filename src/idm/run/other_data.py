"""Data that a run was neither trained on nor split from, opened to be scored."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.data import Dataset
from idm.data.attributes import OPTION as ATTRIBUTES
from idm.data.attributes import read_attributes
from idm.data.base import Indices, Source
from idm.data.file_table import TABLE, beside_in_table
from idm.data.plan import permutation
from idm.run.alike import Alike, Like, open_alike
from idm.run.data import Data
from idm.run.labels import number_names
from idm.run.opened import Opened
from idm.run.other_conditions import open_other_conditions, require_conditions
from idm.run.own_data import open_run_data
from idm.settings.schema import option_paths

LOOKED_AT, LOOKED_AT_VALUES = 256, 2**24
"""Most samples, and most values of them, that are compared with the range of the data that they are to be like."""


def open_data_to_score(
    run: Opened,
    path: str | Path | None = None,
    source: Mapping[str, Any] | None = None,
    condition: str | Path | None = None,
    condition_source: Mapping[str, Any] | None = None,
) -> Data:
    """Open the data of another folder or file as held-out data, or those of the run itself.

    Other data are read with the run's codec, in its shape; nothing of them is for training. Of data that are of parts,
    such as train and test, the part to test is read, or else the one to validate, unless ``source`` says another.

    Args:
        run: the trained model.
        path: a file or folder of any kind that ``idm train --data`` reads; None for the run's own data.
        source: options that open the other data where those of the run do not: ``{"key": "images"}``; ``"name"`` is
            that of the source.
        condition: the conditions of other data, where the run is told conditions.
        condition_source: options that open these, as ``source`` opens the data.

    Raises:
        SettingsError: options that the source does not have, or of a wrong type; conditions without other data, or of
            a run that is told none.
        DataError: they cannot be read, or are not like those of the run.
    """
    if path is not None:
        return open_like(Like.of(run), Path(path).absolute(), source or {}, condition, condition_source)
    if condition is not None:
        raise SettingsError("condition: other data wanted beside it, got none; give data=PATH too, or leave it out")
    try:
        return open_run_data(run)
    except DataError as error:
        *lines, last = error.lines
        advice = "" if "data=PATH" in last else "; score data that lie elsewhere, or others, with data=PATH"
        raise type(error)(*lines, last + advice) from error


def open_data_of_both(
    runs: tuple[Opened, Opened],
    path: str | Path | None = None,
    source: Mapping[str, Any] | None = None,
    condition: str | Path | None = None,
    condition_source: Mapping[str, Any] | None = None,
) -> tuple[Data, Data]:
    """Open the same data for two runs, with conditions for those that are told such; all as of ``open_data_to_score``.

    Raises:
        SettingsError: conditions for runs of which none is told any.
    """
    told = [run.spec.condition is not None for run in runs]
    if condition is not None and not any(told):
        require_conditions(runs[0].spec)
    given = (condition if is_told else None for is_told in told)
    first, second = (
        open_data_to_score(run, path, source, one, condition_source) for run, one in zip(runs, given, strict=True)
    )
    return first, second


def open_like(
    like: Like,
    path: Path,
    told: Mapping[str, Any],
    condition: str | Path | None = None,
    condition_source: Mapping[str, Any] | None = None,
) -> Data:
    """Open data in the shape and range of others, as held-out data; errors are as of ``open_data_to_score``.

    Args:
        like: the others.
        path: a file or folder.
        told: as ``source`` there.
        condition: as there.
        condition_source: as there.
    """
    table = told.get(TABLE, like.settings.table)
    source, place = open_alike(Alike.samples_of(like), path, {key: told[key] for key in told if key != TABLE})
    if table and like.spec.attributes is not None:
        with option_paths("data", (TABLE,)):
            source.beside = beside_in_table(source, Path(table))
    _refuse_other_rate(like, source, place)
    labels = _labels(like, source, place)
    if condition is None:
        _refuse_missing(like, place)
    conditions = None if condition is None else open_other_conditions(like, condition, source, condition_source)
    order = permutation(like.settings.split_seed, "split", 0, len(source))  # the first are a fair sample
    codec, crop = like.spec.codec, like.settings.random_crop
    looked_at = max(1, min(len(source), LOOKED_AT, LOOKED_AT_VALUES // math.prod(source.shape)))
    source.remarks += codec.remarks_on(source.read(order[:looked_at]), like.range_named)
    spec = replace(
        like.spec,
        num_train=0,
        num_held_out=len(source),
        layout=source.layout,
        held_out_hash="",
        fingerprint=source.fingerprint(),
    )
    if conditions is not None:
        spec = replace(spec, condition=conditions.spec)
        source.remarks += conditions.remarks

    def part(samples: Indices) -> Dataset:
        beside = None if conditions is None else conditions.of(samples, crop=crop)
        return Dataset(source, codec, samples, labels=labels, condition=beside, crop=crop)

    return Data(part(np.empty(0, dtype=np.int64)), part(order), spec)


def _refuse_missing(like: Like, place: Path) -> None:
    """Refuse data without conditions for a run that is told some.

    Raises:
        DataError: it is.
    """
    if like.spec.condition is not None:
        raise DataError(
            f"{place}: conditions of these samples wanted, as the run is told such, got none; give condition=PATH"
        )


def _refuse_other_rate(like: Like, source: Source, path: Path) -> None:
    """Refuse signals of another sampling rate than the run's, where both are known.

    Raises:
        DataError: they are.
    """
    wanted, found = like.spec.sampling_rate, source.sampling_rate
    if wanted is not None and found is not None and wanted != found:
        raise DataError(f"{path}: a sampling rate of {wanted:,g} Hz wanted, got {found:,g} Hz; resample the data")


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
            f"{path}: samples with classes wanted, as the run was trained on, got none; put files into a folder per "
            "class, save labels with the array, or name their column by data.source.label_column"
        )
    return np.array(number_names(path, source.class_names, known), dtype=np.int64)[source.labels]
