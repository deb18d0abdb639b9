"""The data of an experiment, opened and split, and what a checkpoint must remember of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data import SOURCES, Codec, Dataset, stratified_split
from idm.data.axes import LAYOUTS
from idm.data.base import Samples
from idm.experiment.schema import option_paths
from idm.experiment.settings import DataSettings, Experiment


@dataclass(frozen=True)
class DataSpec:
    """What sampling and evaluation need to know of the training data.

    Attributes:
        shape: channels and spatial sizes of one sample.
        codec: how values map to the model's range.
        class_names: names of the classes the network is conditioned on; None: not conditioned.
        num_train: number of training samples.
        num_held_out: number of held-out samples.
        layout: where the data's own arrays have their channel axis: "first", "last" or "none".
    """

    shape: tuple[int, ...]
    codec: Codec
    class_names: tuple[str, ...] | None
    num_train: int
    num_held_out: int
    layout: str = "first"

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
            plain.get("layout", cls.layout),  # not in older checkpoints
        )


@dataclass(frozen=True)
class Data:
    """An opened data set: its training part, its held-out part, and its description."""

    train: Dataset
    held_out: Dataset
    spec: DataSpec


def with_absolute_path(experiment: Experiment) -> Experiment:
    """Return the experiment with its data's path absolute, so that the run can be used from any folder."""
    settings = experiment.data
    path = settings.source.options.get("path")
    if not path:
        return experiment
    options = {**settings.source.options, "path": str(Path(path).absolute())}
    return replace(experiment, data=replace(settings, source=replace(settings.source, options=options)))


def open_data(settings: DataSettings, codec: Codec | None = None) -> Data:
    """Open the source, fit the codec (unless one is given) and split.

    Raises:
        DataError: the data cannot be read or split.
    """
    if settings.source.options.get("path") == "":
        raise DataError("data.source.path: a folder or file wanted, got none; give it with --data PATH")
    with option_paths("data.source", SOURCES.options(settings.source.name)):
        source = SOURCES.build(settings.source.name, settings.source.options)
    codec = codec or Codec.fit(source, standardize=settings.standardize)
    total = len(source)
    wanted = settings.held_out if settings.held_out >= 1 else settings.held_out * total
    num_held_out = round(wanted) if wanted < total else total  # NaN and infinity are not below it
    if num_held_out >= total:
        raise DataError(f"data.held_out: fewer than the {total} samples there are wanted, got {settings.held_out}")
    labels = source.labels if settings.class_conditional else None
    train, held_out = stratified_split(source.labels, total, num_held_out, seed=settings.split_seed)
    names = source.class_names if labels is not None else None
    spec = DataSpec(source.shape, codec, names, len(train), len(held_out), source.layout)
    return Data(
        Dataset(source, codec, train, labels=labels, random_flip=settings.random_flip),
        Dataset(source, codec, held_out, labels=labels),
        spec,
    )
