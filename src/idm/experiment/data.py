"""The data of an experiment, opened and split, and what a checkpoint must remember of them."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError, UnreadableFileError
from idm.core.rng import derive_seed
from idm.data import SOURCES, Codec, Dataset, Indices, Source, split_by_folder, split_by_list, stratified_split
from idm.data.axes import LAYOUTS
from idm.data.base import Samples
from idm.experiment.schema import option_paths
from idm.experiment.settings import DataSettings, Experiment


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
    """

    shape: tuple[int, ...]
    codec: Codec
    class_names: tuple[str, ...] | None
    num_train: int
    num_held_out: int
    layout: str = "first"
    held_out_hash: str = ""

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
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "DataSpec":
        """Restore what ``to_plain`` returned."""
        names = plain["class_names"]
        return cls(
            tuple(plain["shape"]),
            Codec.from_dict(plain["codec"]),
            None if names is None else tuple(names),
            plain["num_train"],
            plain["num_held_out"],
            plain.get("layout", cls.layout),  # this and what follows are not in older checkpoints
            plain.get("held_out_hash", cls.held_out_hash),
        )


@dataclass(frozen=True)
class Data:
    """An opened data set: its training part, its held-out part, and its description."""

    train: Dataset
    held_out: Dataset
    spec: DataSpec


def with_absolute_path(experiment: Experiment) -> Experiment:
    """Return the experiment with the paths of its data absolute, so that the run can be used from any folder."""
    settings = experiment.data
    if settings.held_out_list:
        settings = replace(settings, held_out_list=str(Path(settings.held_out_list).absolute()))
    if path := settings.source.options.get("path"):
        options = {**settings.source.options, "path": str(Path(path).absolute())}
        settings = replace(settings, source=replace(settings.source, options=options))
    return replace(experiment, data=settings)


def open_data(settings: DataSettings, codec: Codec | None = None, *, seed: int = 0) -> Data:
    """Open the source, fit the codec (unless one is given) and split.

    Args:
        settings: the data and their split.
        codec: how values map to the model's range; by default fitted to the data.
        seed: seed of the places of random crops.

    Raises:
        DataError: the data cannot be read or split.
        SettingsError: a crop or mirroring that does not suit the data.
    """
    if settings.source.options.get("path") == "":
        raise DataError("data.source.path: a folder or file wanted, got none; give it with --data PATH")
    with option_paths("data.source", SOURCES.options(settings.source.name)):
        source = SOURCES.build(settings.source.name, settings.source.options)
    largest, crop = min(source.shape[1:], default=0), settings.random_crop
    if crop > largest:
        raise SettingsError(
            f"data.random_crop: at most {largest} wanted for samples of shape {source.shape}, got {crop}; "
            "choose a smaller size, or 0 for none"
        )
    train, held_out = _split(settings, source)
    codec = codec or Codec.fit(source, standardize=settings.standardize)
    labels = source.labels if settings.class_conditional else None
    names = source.class_names if labels is not None else None
    crop_seed = derive_seed(seed, "crop")
    to_train = Dataset(
        source, codec, train, labels=labels, random_flip=settings.random_flip, crop=crop, crop_seed=crop_seed
    )
    spec = DataSpec(
        to_train.shape, codec, names, len(train), len(held_out), source.layout, _hash(settings, source, held_out)
    )
    return Data(to_train, Dataset(source, codec, held_out, labels=labels, crop=crop), spec)


def _split(settings: DataSettings, source: Source) -> tuple[Indices, Indices]:
    """Choose the samples to train on and those held out."""
    with option_paths("data", ("held_out",)):
        if settings.held_out_list:
            return split_by_list(source.names, _listed(Path(settings.held_out_list)), seed=settings.split_seed)
        if settings.held_out_folder:
            return split_by_folder(source.names, settings.held_out_folder, seed=settings.split_seed)
    total = len(source)
    wanted = settings.held_out if settings.held_out >= 1 else settings.held_out * total
    num_held_out = round(wanted) if wanted < total else total  # NaN and infinity are not below it
    if num_held_out >= total:
        raise DataError(f"data.held_out: fewer than the {total} samples there are wanted, got {settings.held_out}")
    return stratified_split(source.labels, total, num_held_out, seed=settings.split_seed)


def _listed(path: Path) -> list[str]:
    """Read the names in a list, one in a line; empty lines are skipped."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing there"
        raise DataError(f"data.held_out_list: a text file with a name per line wanted, got {found}: {path}")
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"data.held_out_list: cannot be read as UTF-8 text, {path}; save it anew") from error


def _hash(settings: DataSettings, source: Source, held_out: Indices) -> str:
    if source.names is None or not (settings.held_out_list or settings.held_out_folder):
        return ""
    names = sorted(source.names[index] for index in held_out)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
