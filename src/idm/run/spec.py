"""What a checkpoint remembers of the data of a run, and in what other data differ from them."""

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from idm.data import Codec
from idm.data.arrays.axes import LAYOUTS
from idm.data.attributes import Attributes
from idm.data.base import Samples
from idm.data.fingerprint import differing
from idm.data.images.resize import ImageSize
from idm.data.metadata import Metadata, metadata_from_plain, metadata_to_plain
from idm.run.condition_spec import ConditionSpec, fits_beside
from idm.run.label_kind import LabelKind
from idm.run.labelled_fields import kind_of
from idm.settings.experiment import DataSettings

NOT_IN_OLDER_ONES = ("layout", "held_out_hash", "fingerprint")
"""Texts that descriptions of data in older checkpoints lack."""

LARGEST_SAMPLE_VALUES = 2**27
"""Values of the largest sample that is drawn: half a gigabyte in float32."""


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
        channel_names: name of each channel, such as those of the columns of a table; None where they have none.
        sampling_rate: values of a signal per second, Hz; None where it is not known.
        attributes: the numbers that the network is conditioned on in place of classes; None: none.
        metadata: what else the owner of the data needs back with samples; None: nothing is known.
        condition: what the network is shown beside each sample, and besides its label; None: nothing.
        class_counts: training samples of each class; None: not known, as in older checkpoints.
    """

    shape: tuple[int, ...]
    codec: Codec
    class_names: tuple[str, ...] | None
    num_train: int
    num_held_out: int
    layout: str = "first"
    held_out_hash: str = ""
    fingerprint: str = ""
    channel_names: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    attributes: Attributes | None = None
    metadata: Metadata | None = None
    condition: ConditionSpec | None = None
    class_counts: tuple[int, ...] | None = None

    def restore(self, samples: Samples) -> NDArray[Any]:
        """Bring samples [n, c, *space] to the order of axes that the data came in."""
        return LAYOUTS[self.layout].restore(samples)

    @property
    def label_kind(self) -> LabelKind:
        """What the network is told of samples."""
        return kind_of(self.class_names, self.attributes, self.condition)

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
            "channel_names": None if self.channel_names is None else list(self.channel_names),
            "sampling_rate": self.sampling_rate,
            "attributes": None if self.attributes is None else self.attributes.to_plain(),
            "metadata": metadata_to_plain(self.metadata),
            "condition": None if self.condition is None else self.condition.to_plain(),
            "class_counts": None if self.class_counts is None else list(self.class_counts),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "DataSpec":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        names, of_channels, rate = plain["class_names"], plain.get("channel_names"), plain.get("sampling_rate")
        shape, codec = tuple(plain["shape"]), Codec.from_dict(plain["codec"])
        counts, of_classes = [plain["num_train"], plain["num_held_out"]], plain.get("class_counts")
        later = [plain.get(name, getattr(cls, name)) for name in NOT_IN_OLDER_ONES]
        sizes_fit = bool(shape) and all(type(size) is int and size > 0 for size in shape)
        if sizes_fit and math.prod(shape) > LARGEST_SAMPLE_VALUES:
            raise ValueError(f"data: samples of at most {LARGEST_SAMPLE_VALUES:,} values wanted")
        if not sizes_fit or len(codec.offset) not in (1, shape[0]):
            raise ValueError("data: a shape, and a codec of as many channels, wanted")
        if not all(type(count) is int and 0 <= count < 2**63 for count in (*counts, *(of_classes or ()))):
            raise ValueError("data: numbers of samples wanted")
        if of_classes is not None and len(of_classes) != len(names or ()):
            raise ValueError("data: a number of samples for each class wanted")
        if (
            not all(isinstance(text, str) for text in (*later, *(names or ()), *(of_channels or ())))
            or later[0] not in LAYOUTS
        ):
            raise ValueError("data: names and hashes wanted")
        if of_channels is not None and not (isinstance(of_channels, list) and len(of_channels) == shape[0]):
            raise ValueError("data: a name for each channel wanted")
        if rate is not None and not (type(rate) in (int, float) and 0 < rate < 2**63):
            raise ValueError("data: a sampling rate wanted")
        channel_names = None if of_channels is None else tuple(of_channels)
        return cls(
            shape,
            codec,
            None if names is None else tuple(names),
            *counts,
            *later,
            channel_names=channel_names,
            sampling_rate=None if rate is None else float(rate),
            attributes=None if plain.get("attributes") is None else Attributes.from_plain(plain["attributes"]),
            metadata=metadata_from_plain(plain.get("metadata"), shape),
            condition=_stored_condition(plain.get("condition"), shape),
            class_counts=None if of_classes is None else tuple(of_classes),
        )


def _stored_condition(plain: dict[str, Any] | None, shape: tuple[int, ...]) -> ConditionSpec | None:
    """Restore what is known of conditions.

    Raises:
        KeyError, TypeError, ValueError: something else, or what does not fit beside samples of that shape.
    """
    found = None if plain is None else ConditionSpec.from_plain(plain)
    if found is not None and not fits_beside(found.shape, shape):
        raise ValueError("data: conditions no larger than samples wanted")
    return found


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
        "sampling rate": (then.sampling_rate, now.sampling_rate),
    }
    told = [f"{name}: {old} wanted, got {new}" for name, (old, new) in pairs.items() if old != new]
    untold = {
        "names of the classes": (then.class_names, now.class_names),
        "names of the channels": (then.channel_names, now.channel_names),
        "range of the values": (then.codec, now.codec),
        "attributes": (then.attributes, now.attributes),
        "conditions": (then.condition, now.condition),
        "held-out samples": (then.held_out_hash, now.held_out_hash),
    }
    told += [f"other {name}" for name, (old, new) in untold.items() if old != new]
    return told + [f"other {ASPECTS.get(name, name)}" for name in differing(then.fingerprint, now.fingerprint)]


def size_for_images(settings: DataSettings, spec: DataSpec) -> ImageSize | None:
    """Return the size that a run brings other images to: that of its samples.

    Where samples are cut out of images, it is the size of these.

    Args:
        settings: the run's own data.
        spec: what it remembers of them.
    """
    size, (_, *space) = settings.source.get("image_size"), spec.shape
    if size is not None or settings.cuts or len(space) != 2:
        return size
    return space[0] if space[0] == space[1] else (space[0], space[1])
