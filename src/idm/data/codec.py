"""The one place that converts between the range of the data and the range of the model.

Both kinds of data go through one affine map, x = (value - offset) / scale. Quantised data (integers, booleans)
have ``levels`` equally spaced values, which land on the grid -1 + 2k / (levels - 1) and come back rounded and clipped
to the range. Continuous data are scaled per channel, by default so that the smallest and the largest value become
-1 and 1: an exact denoiser returns averages of the data, which cannot leave that range, so samplers may clip. They
come back without clipping. Which values become -1 and 1 is chosen in ``ranges``. A codec is saved with the model and
undone on output.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError
from idm.data.base import Samples, Source
from idm.data.values.ranges import RangeRule, find_range
from idm.data.values.statistics import MAX_LEVELS
from idm.data.values.value_range import ValueRange, ends_of_type
from idm.data.values.words import TO_TRAIN_ON, grid_in_words, percent

PREVIEW_STDS = 3.0
"""Unbounded data are shown from this many standard deviations below to as many above the mean."""

SHOWN_CHANNELS = 4
"""Ranges of further channels are not written out."""

FAR_HALF_WIDTHS, FAR_STDS = 3.0, 30.0
"""Half widths of the range of bounded data, and standard deviations of others, beyond which values are far out."""

LARGEST_VALUE = 1e300
"""Largest number of a codec: beyond it, sums and products are not finite."""

SAMPLES_AT_ONCE = 1024
"""Most samples that are decoded at a time, in float64."""


@dataclass(frozen=True)
class Codec:
    """Map between data and model range, for samples [n, c, *space].

    Attributes:
        dtype: name of the dtype of the data.
        levels: number of levels of quantised data; None for continuous data.
        offset: data value at 0 in the model's range; one number, or one per channel.
        scale: data units per unit of the model's range, positive; one number, or one per channel.
        bounded: whether the data the codec was fitted to lie in [-1, 1] in the model's range.
        clip: whether ``encode`` moves values beyond that range to its ends.
    """

    dtype: str
    levels: int | None
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    bounded: bool = True
    clip: bool = False

    @classmethod
    def quantized(cls, dtype: str, levels: int, low: int = 0) -> "Codec":
        """Codec of data with the values low, low + 1, ..., low + levels - 1."""
        return cls.of(dtype, ValueRange.of_levels(levels, low))

    @classmethod
    def of(cls, dtype: str, chosen: ValueRange) -> "Codec":
        """Codec of data of a dtype that have that range."""
        return cls(dtype, chosen.levels, chosen.offset, chosen.scale, chosen.bounded, chosen.clip)

    @classmethod
    def fit(cls, source: Source, *, standardize: bool = False, data_range: RangeRule = "type") -> "Codec":
        """Choose the codec of a source, as ``find_range`` does; experiments ask for "auto" unless told otherwise.

        Raises:
            SettingsError, DataError: as ``find_range``.
        """
        return cls.of(source.dtype.name, find_range(source, data_range, standardize=standardize))

    def __repr__(self) -> str:
        """Dtype and range in a line: Codec(uint16, 4,096 levels (12 of 16 bits))."""
        return f"Codec({self.words})"

    @property
    def words(self) -> str:
        """Dtype and range: "uint16, 4,096 levels (12 of 16 bits)", "float32, continuous, -1 to 3.5"."""
        return f"{self.dtype}, {self.grid}" if self.levels else f"{self.dtype}, continuous, {self.extent}"

    @property
    def grid(self) -> str:
        """Levels of quantised data, in words; "continuous" for others."""
        if self.levels is None:
            return "continuous"
        low, high = (limits[0] for limits in self._limits)
        return grid_in_words(np.dtype(self.dtype), self.levels, round(low), round(high))

    @property
    def extent(self) -> str:
        """What becomes -1 to 1, in words: the first channels, where they differ."""
        pairs = [f"{low:g} to {high:g}" for low, high in zip(*self._limits, strict=True)]
        return ", ".join(pairs[:SHOWN_CHANNELS]) + (", ..." if len(pairs) > SHOWN_CHANNELS else "")

    @property
    def shown(self) -> list[tuple[float, float]]:
        """Data values that ``preview`` shows at 0 and at 1, one pair, or one per channel."""
        reach = np.multiply(self.scale, 1.0 if self.bounded else PREVIEW_STDS)
        return list(zip(np.subtract(self.offset, reach).tolist(), np.add(self.offset, reach).tolist(), strict=True))

    @property
    def bin_width(self) -> float | None:
        """Distance between neighbouring levels in the model's range; None for continuous data."""
        return None if self.levels is None else 2.0 / (self.levels - 1)

    @property
    def log2_scale(self) -> float:
        """Bits per dimension to add to a density's bits per dimension in the model's range to have them in data units.

        The change of variables of continuous data, mean over channels of log2(scale). The bits of quantised data
        are those of probabilities, which have no unit: 0.
        """
        return 0.0 if self.levels is not None else float(np.log2(self.scale).mean())

    def encode(self, data: Samples) -> Float[Tensor, "n c *space"]:
        """Convert data to the model's range, float32; where the codec clips, values beyond it are moved to its ends.

        Raises:
            DataError: another number of channels, or values that are not levels of quantised data.
        """
        values = np.asarray(data)
        self._refuse_other_channels(values.shape)
        if self.levels is not None:
            self._refuse_other_levels(values)
        x = self._mapped(values)
        return torch.as_tensor((x.clip(-1.0, 1.0) if self.clip else x).astype(np.float32))

    def remarks_on(self, data: Samples, of: str = "the run's range") -> tuple[str, ...]:
        """Say how many values of other data lie beyond a range called so, where they are clipped or far out of it."""
        largest = 1.0 if self.clip else FAR_HALF_WIDTHS if self.bounded else FAR_STDS
        with np.errstate(over="ignore"):
            share = float((np.abs(self._mapped(np.asarray(data))) > largest * (1.0 + 1e-6)).mean())
        if not share:
            return ()
        where, told = ("outside", "are clipped to it") if self.clip else ("far outside", "may be in other units")
        return (f"data: {percent(share)} of the values lie {where} of {of}, {self.extent}, and {told}",)

    def _mapped(self, values: Samples) -> NDArray[np.float64]:
        offset, scale = self._affine(values.ndim)
        return (values.astype(np.float64) - offset) / scale

    def rounded(self, x: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        """Round to values that data have, in the model's range."""
        return self.encode(self.decode(x))

    def decode(self, x: Float[Tensor, "n c *space"]) -> Samples:
        """Convert from the model's range to the dtype and range of the data: the inverse of ``encode``.

        Quantised data are rounded to the nearest level and clipped to the range; continuous data are neither.

        Raises:
            DataError: another number of channels.
        """
        self._refuse_other_channels(tuple(x.shape))
        return np.concatenate([self._decoded(part) for part in x.split(SAMPLES_AT_ONCE)])

    def _decoded(self, x: Tensor) -> Samples:
        offset, scale = self._affine(x.ndim)
        values = offset + scale * x.detach().cpu().double().numpy()
        if self.levels is not None:
            low, step = offset - scale, 2.0 * scale / (self.levels - 1)
            values = (low + step * np.rint((values - low) / step)).clip(low, offset + scale)
        with np.errstate(over="ignore"):  # beyond half precision's range lies infinity
            return values.astype(self.dtype)

    def preview(self, x: Float[Tensor, "n c *space"]) -> Float[np.ndarray, "n c *space"]:
        """Return samples as floats in [0, 1] for pictures of any kind of data.

        Bounded data are shown from -1 to 1, quantised ones at the levels they decode to; others within three standard
        deviations of the mean.
        """
        values = x.detach().cpu().double().numpy() / (1.0 if self.bounded else PREVIEW_STDS)
        unit = (0.5 * values + 0.5).clip(0.0, 1.0)
        return unit if self.levels is None else np.rint(unit * (self.levels - 1)) / (self.levels - 1)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        plain = asdict(self)
        return plain | {"offset": list(self.offset), "scale": list(self.scale)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Codec":
        """Restore what ``to_dict`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        dtype = np.dtype(plain["dtype"])
        largest = min(float(np.finfo(dtype).max), LARGEST_VALUE) if dtype.kind == "f" else LARGEST_VALUE
        numbers = [*plain["offset"], *plain["scale"]]
        if not all(type(number) in (int, float) and abs(number) <= largest for number in numbers):
            raise ValueError(f"codec: numbers of at most {largest:g} wanted, got something else")
        if not all(type(flag) is bool for flag in (plain["bounded"], plain.get("clip", False))):
            raise ValueError("codec: true or false wanted, got something else")
        offset, scale = (tuple(map(float, plain[name])) for name in ("offset", "scale"))
        flags = plain["bounded"], plain.get("clip", False)  # older codecs did not clip
        codec = cls(dtype.name, plain["levels"], offset, scale, *flags)
        is_map, levels = 0 < len(offset) == len(scale) and min(scale) > 0, codec.levels
        fits = levels is None or (type(levels) is int and 1 < levels <= MAX_LEVELS and len(offset) == 1)
        if not is_map or not fits or dtype.kind not in "biuf":
            raise ValueError("codec: a map between numbers wanted, got something else")
        return codec

    def _affine(self, ndim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Offset and scale, shaped to broadcast over [n, c, *space]."""
        shape = (1, -1) + (1,) * (ndim - 2)
        return np.reshape(self.offset, shape), np.reshape(self.scale, shape)

    def _refuse_other_channels(self, shape: tuple[int, ...]) -> None:
        if len(shape) < 2 or len(self.offset) not in (1, shape[1]):
            raise DataError(f"data: samples [n, c, *space] with c = {len(self.offset)} wanted, got {shape}")

    @property
    def _limits(self) -> tuple[list[float], list[float]]:
        """Data values at -1 and at 1, by channel."""
        return np.subtract(self.offset, self.scale).tolist(), np.add(self.offset, self.scale).tolist()

    def _refuse_other_levels(self, values: Samples) -> None:
        """Refuse what is no integer, out of range unless that is clipped, or between the levels."""
        low, high = (limits[0] for limits in self._limits)
        wanted = f"data: {self.dtype} values from {low:.0f} to {high:.0f}"
        if values.dtype.kind not in "bui":
            raise DataError(f"{wanted} wanted, got {values.dtype.name}; convert them to {self.dtype}")
        if values.size == 0:
            return
        found = f"{values.dtype.name} from {values.min()} to {values.max()}"
        if not self.clip and (values.min() < low or values.max() > high):
            least, most = min(int(low), int(values.min())), max(int(high), int(values.max()))
            smallest, largest = ends_of_type(np.dtype(self.dtype))
            fits = smallest <= least and most <= largest
            wider = f", or {TO_TRAIN_ON}data.range={least},{most}" if fits else ""
            raise DataError(f"{wanted} wanted, got {found}; choose data of this range{wider}")
        assert self.levels is not None
        step = round((high - low) / (self.levels - 1))
        if step > 1 and ((values.astype(np.int64) - round(low)) % step).any():
            raise DataError(
                f"{wanted} in steps of {step} wanted, got values between them; choose data on these levels, or "
                f"{TO_TRAIN_ON}data.range={low:.0f},{high:.0f}"
            )
