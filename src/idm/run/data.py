"""The data of an experiment, opened and split, and what a checkpoint must remember of them."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.core.rng import derive_seed
from idm.data import SOURCES, Codec, Dataset, Source
from idm.data.arrays.axes import LAYOUTS
from idm.data.base import Indices, Samples
from idm.data.check.training import Opened
from idm.data.check.values import look_at_values
from idm.data.fingerprint import differing
from idm.data.parts import without_advice
from idm.data.values.ranges import find_range
from idm.run.held_out import hash_of_named, nearly_all_held_out, split
from idm.settings import Experiment
from idm.settings.experiment import DataSettings
from idm.settings.schema import option_paths

NOT_IN_OLDER_ONES = ("layout", "held_out_hash", "fingerprint")
"""What descriptions of data in older checkpoints lack."""

DATA_OPTIONS = tuple(entry.name for entry in fields(DataSettings))
"""Settings of data, which messages begin with."""

FEW_COORDINATES = 16
"""Points of more coordinates may be meant as signals."""

LARGEST_SAMPLE_VALUES = 2**27
"""Values of the largest sample that is drawn: half a gigabyte in float32."""

PATHS = ("path", "folder")
"""Options of sources that say where data lie."""


@dataclass(frozen=True)
class DataSpec:
    """What sampling and evaluation need to know of the training data.

    Attributes:
        shape: channels and spatial sizes of one sample, after cropping.
        codec: how values map to the model's range.
        class_names: names of the classes the network is conditioned on; None: not conditioned.
        num_train: number of training samples.
        num_held_out: number of held-out samples.
        layout: where the data's own arrays have their channel axis: "first", "last" or "none".
        held_out_hash: SHA-256 of the sorted names of the held-out samples, where a list or folder names them; or "".
        fingerprint: what the data are, see ``Source.fingerprint``; "": not known, as in older checkpoints.
    """

    shape: tuple[int, ...]
    codec: Codec
    class_names: tuple[str, ...] | None
    num_train: int
    num_held_out: int
    layout: str = "first"
    held_out_hash: str = ""
    fingerprint: str = ""

    def restore(self, samples: Samples) -> NDArray[Any]:
        """Bring samples [n, c, *space] to the order of axes that the data came in."""
        return LAYOUTS[self.layout].restore(samples)

    @property
    def num_classes(self) -> int | None:
        """Number of classes, None where the network is not conditioned on classes."""
        return None if self.class_names is None else len(self.class_names)

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "shape": list(self.shape),
            "codec": self.codec.to_dict(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "num_train": self.num_train,
            "num_held_out": self.num_held_out,
            "layout": self.layout,
            "held_out_hash": self.held_out_hash,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "DataSpec":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        names = plain["class_names"]
        shape, codec = tuple(plain["shape"]), Codec.from_dict(plain["codec"])
        counts = [plain["num_train"], plain["num_held_out"]]
        later = [plain.get(name, getattr(cls, name)) for name in NOT_IN_OLDER_ONES]
        sizes_fit = bool(shape) and all(type(size) is int and size > 0 for size in shape)
        if sizes_fit and math.prod(shape) > LARGEST_SAMPLE_VALUES:
            raise ValueError(f"data: samples of at most {LARGEST_SAMPLE_VALUES:,} values wanted")
        if not sizes_fit or len(codec.offset) not in (1, shape[0]):
            raise ValueError("data: a shape, and a codec of as many channels, wanted")
        if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
            raise ValueError("data: numbers of samples wanted")
        if not all(isinstance(text, str) for text in (*later, *(names or ()))) or later[0] not in LAYOUTS:
            raise ValueError("data: names and hashes wanted")
        return cls(shape, codec, None if names is None else tuple(names), *counts, *later)


ASPECTS = {"names": "names of the samples", "sizes": "sizes of the files", "labels": "labels", "contents": "contents"}
"""What the parts of a fingerprint tell apart."""


def data_differences(then: DataSpec, now: DataSpec) -> list[str]:
    """Say in what data differ from those that they should be, a few words each; nothing where they are the same.

    Args:
        then: what a run remembers of its data.
        now: what was found.
    """
    pairs = {
        "samples": (f"{then.num_train} + {then.num_held_out}", f"{now.num_train} + {now.num_held_out}"),
        "shape of a sample": (then.shape, now.shape),
        "axes": (f"channels {then.layout}", f"channels {now.layout}"),
        "classes": (then.num_classes or 0, now.num_classes or 0),
    }
    told = [f"{name}: {old} wanted, got {new}" for name, (old, new) in pairs.items() if old != new]
    untold = {
        "names of the classes": (then.class_names, now.class_names),
        "range of the values": (then.codec, now.codec),
        "held-out samples": (then.held_out_hash, now.held_out_hash),
    }
    told += [f"other {name}" for name, (old, new) in untold.items() if old != new]
    return told + [f"other {ASPECTS.get(name, name)}" for name in differing(then.fingerprint, now.fingerprint)]


@dataclass(frozen=True)
class Data:
    """An opened data set.

    Attributes:
        train: its training part.
        held_out: its held-out part.
        spec: its description.
        remarks: what is worth knowing of the range of its values and of its parts before training, a line each.
    """

    train: Dataset
    held_out: Dataset
    spec: DataSpec
    remarks: tuple[str, ...] = ()


def size_for_images(settings: DataSettings, spec: DataSpec) -> int | None:
    """Return the size that a run brings other images to: that of its samples, unless these are not square.

    Where samples are cut out of images, it is the size of these.

    Args:
        settings: the run's own data.
        spec: what it remembers of them.
    """
    size, (_, *space) = settings.source.options.get("image_size"), spec.shape
    if size is not None or settings.random_crop or len(space) != 2 or len(set(space)) != 1:
        return size
    return space[0]


def with_absolute_path(experiment: Experiment) -> Experiment:
    """Return the experiment with the paths of its data absolute, so that the run can be used from any folder."""
    settings = experiment.data
    if settings.held_out_list:
        settings = replace(settings, held_out_list=str(Path(settings.held_out_list).absolute()))
    options = dict(settings.source.options)
    options |= {key: str(Path(path).absolute()) for key in PATHS if (path := options.get(key))}
    settings = replace(settings, source=replace(settings.source, options=options))
    return replace(experiment, data=settings)


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
    source, crop = open_source(settings, trust_code=trust_code), settings.random_crop
    if before is not None:
        _number_as_before(source, before, conditional=settings.class_conditional)
    train, held_out = split(settings, source)
    remarks: tuple[str, ...] = ()
    if codec is None:
        chosen = find_range(source, settings.range, standardize=settings.standardize)
        codec = Codec.of(source.dtype.name, chosen)
        remarks = chosen.remarks + _remarks(settings, source, train, held_out)
    labels = source.labels if settings.class_conditional else None
    names = source.class_names if labels is not None else None
    crop_seed = derive_seed(seed, "crop")
    to_train = Dataset(
        source,
        codec,
        train,
        labels=labels,
        random_flip=settings.random_flip,
        crop=crop,
        crop_seed=crop_seed,
        workers=settings.workers,
        timeout=settings.timeout,
    )
    spec = DataSpec(
        to_train.shape,
        codec,
        names,
        len(train),
        len(held_out),
        source.layout,
        hash_of_named(settings, source, held_out),
        source.fingerprint(),
    )
    return Data(to_train, Dataset(source, codec, held_out, labels=labels, crop=crop), spec, remarks)


def _number_as_before(source: Source, before: DataSpec, *, conditional: bool) -> None:
    """Number the classes of a source as a run does whose names of classes were sorted otherwise, or not seen."""
    if conditional:
        source.take_classes(before.class_names)
    elif source.class_names is not None and "labels" in differing(before.fingerprint, source.fingerprint()):
        source.take_classes(tuple(sorted(source.class_names)))  # as text, which is how they were numbered once


def open_source(settings: DataSettings, *, trust_code: bool = False) -> Source:
    """Open the source alone.

    Args:
        settings: the data.
        trust_code: import and call what a custom source names.

    Raises:
        DataError: the data cannot be read, or are made by code that is not trusted.
        SettingsError: windows that do not fit into its samples.
    """
    if settings.source.options.get("path") == "":
        raise DataError("data.source.path: a folder or file wanted, got none; give it with data=PATH")
    with option_paths("data.source", SOURCES.options(settings.source.name)):
        source = SOURCES.build(settings.source.name, settings.source.options, trust_code=trust_code)
    if settings.held_out_list or settings.held_out_folder:
        source.remarks = without_advice(source.remarks)
    largest, crop = min(source.shape[1:], default=0), settings.random_crop
    if crop > largest:
        raise SettingsError(
            f"data.random_crop: at most {largest} wanted for samples of shape {source.shape}, got {crop}; "
            "choose a smaller size, or 0 for none"
        )
    return source


def _remarks(settings: DataSettings, source: Source, train: Indices, held_out: Indices) -> tuple[str, ...]:
    """Say what is worth knowing before training of the shape of samples and of their parts, a line each."""
    return _without_axes(settings, source) + nearly_all_held_out(settings, train, held_out)


def _without_axes(settings: DataSettings, source: Source) -> tuple[str, ...]:
    """Say that samples of many numbers are taken for points, where nobody said that they are."""
    options, (count, *space) = settings.source.options, source.shape
    told = options.get("channels", "auto") != "auto" or options.get("spatial_dims") is not None
    has_axes = bool(space) or "channels" not in SOURCES.options(settings.source.name)
    if told or has_axes or count <= FEW_COORDINATES:
        return ()
    return (
        f"data: each sample is read as {count:,} numbers without an axis, as points are; "
        f"data.source.channels=none reads signals of {count:,} places, spatial_dims=0 says points",
    )


@option_paths("data", DATA_OPTIONS)
def open_as_training(settings: DataSettings) -> Opened:
    """Open the source, and refuse what training on it would refuse, without keeping it in memory.

    Raises:
        DataError: data that cannot be read, split, or brought to the model's range.
        SettingsError: a crop, mirroring or scaling that does not suit the data.
    """
    source = open_source(settings)
    parts = split(settings, source)
    values = look_at_values(source, settings.range, standardize=settings.standardize)
    values = replace(values, remarks=values.remarks + _remarks(settings, source, *parts))
    nothing = np.empty(0, dtype=np.int64)
    Dataset(source, values.codec, nothing, random_flip=settings.random_flip, crop=settings.random_crop)
    return Opened(source, values)
