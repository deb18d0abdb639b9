"""The data of an experiment, opened and split."""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.rng import derive_seed
from idm.data import Codec, Dataset, Source
from idm.data.attributes import Attributes, fit_attributes, read_attributes
from idm.data.base import Indices
from idm.data.check.training import Opened
from idm.data.check.values import look_at_values
from idm.data.fingerprint import differing
from idm.data.metadata import of_pieces
from idm.data.values.ranges import find_range
from idm.run.conditions import Conditions, open_conditions
from idm.run.held_out import Split, hash_of_named, notes_on_split, remarks_on_split, split
from idm.run.opened_source import open_source
from idm.run.spec import DataSpec
from idm.settings.experiment import DataSettings
from idm.settings.schema import option_paths

DATA_OPTIONS = tuple(entry.name for entry in fields(DataSettings))
"""Settings of data, which messages begin with."""

FEW_COORDINATES = 16
"""Points of more coordinates may be meant as signals."""

LARGEST_OFFERED, SMALLEST_OFFERED = 64, 8
"""Sizes of the patches that are offered, in places."""


@dataclass(frozen=True)
class Data:
    """An opened data set.

    Attributes:
        train: its training part.
        held_out: its held-out part.
        spec: its description.
        remarks: what is worth knowing of the range of its values and of its parts before training, a line each.
        notes: how it was split, where that is as it was asked for, a line each.
    """

    train: Dataset
    held_out: Dataset
    spec: DataSpec
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@option_paths("data", DATA_OPTIONS)
def open_data(
    settings: DataSettings,
    codec: Codec | None = None,
    *,
    seed: int = 0,
    trust_code: bool = False,
    before: DataSpec | None = None,
) -> Data:
    """Open the source, choose the range of its values (unless a codec is given) and split.

    Args:
        settings: the data and their split.
        codec: how values map to the model's range; by default fitted to the data.
        seed: seed of the places of random crops.
        trust_code: import and call what a custom source names.
        before: what a run remembers of the same data; their classes are numbered as they were then.

    Raises:
        DataError: the data cannot be read or split, or are made by code that is not trusted.
        SettingsError: a crop or mirroring that does not suit the data.
    """
    source = open_source(settings, trust_code=trust_code)
    if before is not None:
        _number_as_before(source, before, conditional=tells_classes(settings, before) and not settings.attributes)
    parts = split(settings, source, before)
    known = None if codec is None or before is None or before.condition is None else before.condition.codec
    conditions = open_conditions(settings, source, known)
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if codec is None:  # otherwise it is a run's, whose range and remarks are known
        codec, about_range = _fit_codec(settings, source)
        remarks, notes = about_range + _remarks(settings, source, parts, conditions), notes_on_split(parts)
    labels, attributes = _labels(settings, source, parts.train, before)
    take = partial(_part, source, codec, labels, conditions, crop=settings.random_crop)
    to_train = take(
        parts.train,
        random_flip=settings.random_flip,
        crop_seed=derive_seed(seed, "crop"),
        workers=settings.workers,
        timeout=settings.timeout,
    )
    class_names = source.class_names if labels is not None and attributes is None else None
    spec = _describe(settings, to_train, parts, attributes, class_names)
    if class_names is not None and labels is not None:
        counts = np.bincount(labels[parts.train], minlength=len(class_names))[: len(class_names)]
        spec = replace(spec, class_counts=tuple(counts.tolist()))
    spec = spec if conditions is None else replace(spec, condition=conditions.spec)
    return Data(to_train, take(parts.held_out), spec, remarks, notes)


def _part(
    source: Source,
    codec: Codec,
    labels: NDArray[Any] | None,
    conditions: Conditions | None,
    samples: Indices,
    **options: Any,
) -> Dataset:
    """Take some samples, with their labels or conditions; options as of ``Dataset``."""
    condition = None if conditions is None else conditions.of(samples, **options)
    return Dataset(source, codec, samples, labels=labels, condition=condition, **options)


def _fit_codec(settings: DataSettings, source: Source) -> tuple[Codec, tuple[str, ...]]:
    """Choose the range of the values, and say what is worth knowing of it."""
    chosen = find_range(source, settings.range, standardize=settings.standardize)
    return Codec.of(source.dtype.name, chosen), chosen.remarks


def _labels(
    settings: DataSettings, source: Source, train: Indices, before: DataSpec | None
) -> tuple[NDArray[Any] | None, Attributes | None]:
    """Return what the network is told of every sample, and what its numbers are where it is numbers.

    Raises:
        DataError: no such numbers.
    """
    if not settings.attributes:
        return source.labels if tells_classes(settings, before) else None, None
    names, values = read_attributes(source, settings.attributes)
    found = fit_attributes(names, values, train)
    known = None if before is None else before.attributes
    scale = found if known is None or known.names != names else known
    return scale.standardize(values), found


def tells_classes(settings: DataSettings, before: DataSpec | None = None) -> bool:
    """Whether the network is told classes, where there are any: not that of a run whose conditions took their place."""
    is_without = before is not None and before.condition is not None and before.class_names is None
    return settings.class_conditional and not is_without


def _describe(
    settings: DataSettings,
    to_train: Dataset,
    parts: Split,
    attributes: Attributes | None,
    class_names: tuple[str, ...] | None,
) -> DataSpec:
    source = to_train.source
    return DataSpec(
        to_train.shape,
        to_train.codec,
        class_names,
        len(parts.train),
        len(parts.held_out),
        source.layout,
        hash_of_named(settings, source, parts),
        source.fingerprint(),
        source.channel_names,
        source.sampling_rate,
        attributes,
        source.metadata if to_train.shape == source.shape else of_pieces(source.metadata, to_train.shape),
    )


def _number_as_before(source: Source, before: DataSpec, *, conditional: bool) -> None:
    """Number the classes of a source as a run does whose names of classes were sorted otherwise, or not seen."""
    if conditional:
        source.take_classes(before.class_names)
    elif source.class_names is not None and "labels" in differing(before.fingerprint, source.fingerprint()):
        source.take_classes(tuple(sorted(source.class_names)))  # as text, which is how they were numbered once


def _remarks(settings: DataSettings, source: Source, parts: Split, conditions: Conditions | None) -> tuple[str, ...]:
    """Say what is worth knowing before training of the shape of samples, their parts and conditions, a line each."""
    of_conditions = () if conditions is None else conditions.remarks
    about_samples = _without_axes(settings, source) + _a_lone_one(settings, source)
    return about_samples + remarks_on_split(settings, parts) + of_conditions


def _without_axes(settings: DataSettings, source: Source) -> tuple[str, ...]:
    """Say that samples of many numbers are taken for points, where nobody said that they are."""
    rule, (count, *space) = settings.source.get("channels"), source.shape
    told = rule != "auto" or settings.source.get("spatial_dims") is not None  # a source without the option has no axes
    if told or space or count <= FEW_COORDINATES:
        return ()
    return (
        f"data: each sample is read as {count:,} numbers without an axis, as points are; "
        f"data.source.channels=none reads signals of {count:,} places, spatial_dims=0 says points"
        f"{_offer_of_a_raster(settings, source)}",
    )


def _offer_of_a_raster(settings: DataSettings, source: Source) -> str:
    """Say how points may be one raster; nothing where patches would leave them entries, see ``NamedArrays``."""
    size, options = _offered_size((len(source), source.shape[0])), vars(settings.source.options)
    may_be_one = options.get("samples", "") is None and source.labels is None and not settings.apart
    return f", and data.patch_size={size} cuts one raster into patches" if size and may_be_one else ""


def _offered_size(space: tuple[int, ...]) -> int:
    """Return a size of patches of which several fit along each axis, a power of 2; 0: the space is too small."""
    most = min(LARGEST_OFFERED, min(space) // 2)
    return 0 if most < SMALLEST_OFFERED else 2 ** (most.bit_length() - 1)


def _a_lone_one(settings: DataSettings, source: Source) -> tuple[str, ...]:
    """Say that the only sample may be cut into many."""
    space = source.shape[1:]
    if len(source) > 1 or not space or settings.patch_size or settings.random_crop:
        return ()
    words, size = " x ".join(map("{:,}".format, space)), _offered_size(space)
    offer = f"; data.patch_size={size} cuts it into patches of that size" if size else ""
    return (f"data: one sample of {words} places is all there is{offer}",)


@option_paths("data", DATA_OPTIONS)
def open_as_training(settings: DataSettings) -> Opened:
    """Open the source, and refuse what training on it would refuse, without keeping it in memory.

    Raises:
        DataError: data that cannot be read, split, or brought to the model's range.
        SettingsError: a crop, mirroring or scaling that does not suit the data.
    """
    source = open_source(settings)
    parts = split(settings, source)
    _labels(settings, source, parts.train, None)
    conditions = open_conditions(settings, source)
    values = look_at_values(source, settings.range, standardize=settings.standardize)
    about = _remarks(settings, source, parts, conditions) + notes_on_split(parts)
    values = replace(values, remarks=values.remarks + about)
    nothing = np.empty(0, dtype=np.int64)
    Dataset(source, values.codec, nothing, random_flip=settings.random_flip, crop=settings.random_crop)
    return Opened(source, values, parts.held_out, "" if conditions is None else conditions.words)
