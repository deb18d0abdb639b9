"""What a checkpoint remembers of the conditions that its network is shown."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data import Codec
from idm.data.arrays.axes import LAYOUTS

LARGEST_CONDITION_VALUES = 2**27
"""Values of the largest condition of a sample: half a gigabyte in float32."""


def fits_beside(condition: tuple[int, ...], samples: tuple[int, ...]) -> bool:
    """Whether conditions of a shape [k, *space] may stand beside samples [c, *space]: as many axes, none longer."""
    axes = zip(condition[1:], samples[1:], strict=False)
    return len(condition) == len(samples) and all(size <= most for size, most in axes)


@dataclass(frozen=True)
class ConditionSpec:
    """The conditions of the training data, one for each sample.

    Attributes:
        shape: channels and spatial sizes of one, none of these larger than those of the samples.
        codec: how values map to the model's range.
        layout: where the conditions' own arrays have their channel axis: "first", "last" or "none".
        fingerprint: what they are, see ``Source.fingerprint``.
        channel_names: name of each channel; None where they have none.
    """

    shape: tuple[int, ...]
    codec: Codec
    layout: str = "first"
    fingerprint: str = ""
    channel_names: tuple[str, ...] | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "shape": list(self.shape),
            "codec": self.codec.to_dict(),
            "layout": self.layout,
            "fingerprint": self.fingerprint,
            "channel_names": None if self.channel_names is None else list(self.channel_names),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "ConditionSpec":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        shape, codec, names = tuple(plain["shape"]), Codec.from_dict(plain["codec"]), plain["channel_names"]
        if not shape or not all(type(size) is int and size > 0 for size in shape):
            raise ValueError("condition: a shape wanted, got something else")
        if math.prod(shape) > LARGEST_CONDITION_VALUES or len(codec.offset) not in (1, shape[0]):
            raise ValueError(
                f"condition: at most {LARGEST_CONDITION_VALUES:,} values, and a codec of as many channels, wanted"
            )
        texts = [plain["layout"], plain["fingerprint"], *(names or ())]
        if not all(isinstance(text, str) for text in texts) or plain["layout"] not in LAYOUTS:
            raise ValueError("condition: names and hashes wanted, got something else")
        if names is not None and not (isinstance(names, list) and len(names) == shape[0]):
            raise ValueError("condition: a name for each channel wanted, got something else")
        return cls(shape, codec, plain["layout"], plain["fingerprint"], None if names is None else tuple(names))


@final
@dataclass(frozen=True, eq=False)
class Field:
    """The condition of a sample, as a label of it.

    Attributes:
        values: [k, *space], in their own units.
    """

    values: NDArray[Any]

    @property
    def sha256(self) -> str:
        """Hash of the values, which tells conditions from others."""
        return hashlib.sha256(np.ascontiguousarray(self.values).tobytes()).hexdigest()


@final
@dataclass(frozen=True, eq=False)
class LabelledField:
    """A label and a condition, as one label of a sample; None is what nobody says.

    Attributes:
        label: number of the class, or numbers in their own units.
        field: the condition.
    """

    label: int | tuple[float, ...] | None
    field: Field | None
