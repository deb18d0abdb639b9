"""The one place that converts between the range of the data and the range of the model.

Both kinds of data go through one affine map, x = (value - offset) / scale. Quantised data (integers, booleans)
have ``levels`` equally spaced values, which land on the grid -1 + 2k / (levels - 1) and come back rounded and clipped
to the range. Continuous data are scaled per channel, by default so that the smallest and the largest value become
-1 and 1: an exact denoiser returns averages of the data, which cannot leave that range, so samplers may clip. They
come back without clipping. A codec is saved with the model and undone on output.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.data.base import Samples, Source
from idm.data.statistics import extremes, mean_and_std, num_levels

PREVIEW_STDS = 3.0
"""Unbounded data are shown from this many standard deviations below to as many above the mean."""

AT_ONCE = 1024
"""So many samples are decoded at a time, in float64."""


@dataclass(frozen=True)
class Codec:
    """Map between data and model range, for samples [n, c, *space].

    Attributes:
        dtype: name of the dtype of the data.
        levels: number of levels of quantised data; None for continuous data.
        offset: data value at 0 in the model's range; one number, or one per channel.
        scale: data units per unit of the model's range, positive; one number, or one per channel.
        bounded: whether the data the codec was fitted to lie in [-1, 1] in the model's range.
    """

    dtype: str
    levels: int | None
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    bounded: bool = True

    @classmethod
    def quantized(cls, dtype: str, levels: int, low: int = 0) -> "Codec":
        """Codec of data with the values low, low + 1, ..., low + levels - 1."""
        half = 0.5 * (levels - 1)
        return cls(dtype, levels, (low + half,), (half,))

    @classmethod
    def fit(cls, source: Source, *, standardize: bool = False) -> "Codec":
        """Choose the codec of a source: a function of its dtype, levels and, where these do not decide, values.

        Booleans, uint8 and uint16 have all levels of their dtype; other integers those from the smallest
        to the largest value found; floats are continuous.

        Args:
            source: the data, held-out samples included.
            standardize: scale continuous data to mean 0 and standard deviation 1 per channel instead.

        Raises:
            SettingsError: ``standardize`` with quantised data.
            DataError: integers that span too many levels, or a single one.
        """
        continuous = source.dtype.kind == "f"
        if standardize and not continuous:
            raise SettingsError(
                f"standardize: continuous data wanted, got {source.dtype.name}, whose levels need no scaling; "
                "set data.standardize=false or convert the data to floats"
            )
        if standardize:
            mean, std = mean_and_std(source)
            return cls._continuous(source, mean, std, bounded=False)
        if source.levels is not None:
            return cls.quantized(source.dtype.name, source.levels)
        low, high = extremes(source)
        if continuous:
            low, high = low.astype(np.float64), high.astype(np.float64)
            return cls._continuous(source, 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low, bounded=True)
        lowest, highest = int(low.min()), int(high.max())
        return cls.quantized(source.dtype.name, num_levels(lowest, highest), lowest)

    @classmethod
    def _continuous(
        cls, source: Source, offset: NDArray[np.float64], scale: NDArray[np.float64], *, bounded: bool
    ) -> "Codec":
        usable = np.where(scale > 0, scale, 1.0)  # a constant channel becomes 0
        return cls(source.dtype.name, None, tuple(offset.tolist()), tuple(usable.tolist()), bounded)

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
        """Convert data to the model's range, float32.

        Raises:
            DataError: another number of channels, or values that are not levels of quantised data.
        """
        values = np.asarray(data)
        self._refuse_other_channels(values.shape)
        if self.levels is not None:
            self._refuse_other_levels(values)
        offset, scale = self._affine(values.ndim)
        return torch.as_tensor(((values.astype(np.float64) - offset) / scale).astype(np.float32))

    def decode(self, x: Float[Tensor, "n c *space"]) -> Samples:
        """Convert from the model's range to the dtype and range of the data: the inverse of ``encode``.

        Quantised data are rounded to the nearest level and clipped to the range; continuous data are neither.

        Raises:
            DataError: another number of channels.
        """
        self._refuse_other_channels(tuple(x.shape))
        return np.concatenate([self._decoded(part) for part in x.split(AT_ONCE)])

    def _decoded(self, x: Tensor) -> Samples:
        offset, scale = self._affine(x.ndim)
        values = offset + scale * x.detach().cpu().double().numpy()
        if self.levels is not None:
            values = np.rint(values).clip(offset - scale, offset + scale)
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
        offset, scale = (tuple(map(float, plain[name])) for name in ("offset", "scale"))
        codec = cls(np.dtype(plain["dtype"]).name, plain["levels"], offset, scale, bool(plain["bounded"]))
        is_map = 0 < len(offset) == len(scale) and all(map(math.isfinite, offset + scale)) and min(scale) > 0
        has_levels = codec.levels is None or (type(codec.levels) is int and codec.levels > 1)
        if not is_map or not has_levels or np.dtype(codec.dtype).kind not in "biuf":
            raise ValueError("codec: a map between numbers wanted, got something else")
        return codec

    def _affine(self, ndim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Offset and scale, shaped to broadcast over [n, c, *space]."""
        shape = (1, -1) + (1,) * (ndim - 2)
        return np.reshape(self.offset, shape), np.reshape(self.scale, shape)

    def _refuse_other_channels(self, shape: tuple[int, ...]) -> None:
        if len(shape) < 2 or len(self.offset) not in (1, shape[1]):
            raise DataError(f"data: samples [n, c, *space] with c = {len(self.offset)} wanted, got {shape}")

    def _refuse_other_levels(self, values: Samples) -> None:
        low, high = self.offset[0] - self.scale[0], self.offset[0] + self.scale[0]
        found = f"{values.dtype.name}"
        if values.size and values.dtype.kind in "bui":
            found += f" from {values.min()} to {values.max()}"
        if values.dtype.kind not in "bui" or (values.size and (values.min() < low or values.max() > high)):
            raise DataError(f"data: {self.dtype} values from {low:.0f} to {high:.0f} wanted, got {found}")
