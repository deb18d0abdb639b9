"""What a picture of samples needs to know of their data, and what every kind of picture can do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from idm.core.errors import DataError
from idm.data import Codec
from idm.report.frame import number


@dataclass(frozen=True)
class Shown:
    """What is known of data that are shown.

    Attributes:
        shape: channels and spatial sizes of one sample.
        codec: their codec.
        channel_names: name of each channel; None: they are numbered.
        rate_hz: values of a signal per second; None: they are counted.
        voxel_size: size of a voxel of volumes along each axis, in any unit; None: cubes.
        units: unit of each channel; None where it is not known.
    """

    shape: tuple[int, ...]
    codec: Codec
    channel_names: tuple[str, ...] | None = None
    rate_hz: float | None = None
    voxel_size: tuple[float, ...] | None = None
    units: tuple[str, ...] | None = None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[0]

    def name(self, channel: int) -> str:
        """Name a channel, by its number where it has no name."""
        return self.channel_names[channel] if self.channel_names else f"channel {channel}"

    def unit(self, channel: int) -> str:
        """Return the unit of a channel after a space; nothing where it is not known."""
        return f" {self.units[channel]}" if self.units and self.units[channel] else ""

    def label(self, channel: int) -> str:
        """Name a channel with its unit, as axes do."""
        return (
            f"{self.name(channel)} ({self.units[channel]})" if self.unit(channel) and self.units else self.name(channel)
        )

    def ends(self, channel: int) -> tuple[str, str]:
        """Return the values of a channel at the two ends of what is shown."""
        pairs = self.codec.shown
        low, high = pairs[channel if len(pairs) > 1 else 0]
        return number(self.codec, low), f"{number(self.codec, high)}{self.unit(channel)}"

    @property
    def stretch(self) -> str:
        """Say how values become colours or heights."""
        return "linear" if self.codec.bounded else "linear, from 3 standard deviations below to 3 above the mean"


class SamplePicture(ABC):
    """Lays samples of one kind of data out as a picture.

    Attributes:
        has_columns: whether each sample stands in a column, which can have a name.
    """

    has_columns: ClassVar[bool] = True

    def __init__(self, shown: Shown) -> None:
        """Take what is known of the data."""
        self.shown = shown

    @property
    @abstractmethod
    def most(self) -> int:
        """How many samples a picture has of a model in training, or of data that are looked at."""

    @abstractmethod
    def columns(self, count: int) -> int:
        """Return how many of ``count`` samples stand in a row unless that is told."""

    def draw(
        self, x: Float[Tensor, "n c *space"], *, columns: int | None = None, names: Sequence[str] = ()
    ) -> Image.Image:
        """Lay samples out row by row, and say which values are shown where pictures do not show them as they are.

        Args:
            x: samples in the model's range.
            columns: samples per row.
            names: of the columns; none by default.

        Raises:
            DataError: no samples, or samples of another shape.
        """
        if not len(x) or tuple(x.shape[1:]) != self.shown.shape:
            wanted = " x ".join(map(str, self.shown.shape))
            raise DataError(f"pictures: samples of {wanted} wanted, got {tuple(x.shape)}; choose samples of the run")
        return self._laid_out(x, min(columns or self.columns(len(x)), len(x)), names)

    @abstractmethod
    def _laid_out(self, x: Float[Tensor, "n c *space"], columns: int, names: Sequence[str]) -> Image.Image:
        """Lay samples out, at least one, in so many columns."""
