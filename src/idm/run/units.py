"""Observations from the units of the data to the range of the model: v = offset + scale x, by channel."""

from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.data import Codec
from idm.restoration import Blur, Custom, Downsample, LinearOperator, Matrix, Observation, Operator, Selection

WITHIN_CHANNELS = (Selection, Downsample, Blur)
"""What they give are means of values of one channel, with weights that add up to 1."""

EXAMPLE = "data.range=-1,1"


def observation_of(
    operator: Operator, values: Tensor, noise: float, codec: Codec, shape: tuple[int, ...]
) -> Observation:
    """Say in the model's range what was observed in the data's units.

    o = A v + s n with v = offset + scale x is o - A offset = A (scale x) + s n. Where all channels have one scale both
    sides are divided by it. A function that is not linear is called with v.

    Args:
        operator: A.
        values: o [n, ...], float64.
        noise: s.
        codec: offset and scale.
        shape: of a sample [c, *space].

    Raises:
        SettingsError: channels of different scales, which the operator mixes.
    """
    offset, scale = (_per_channel(numbers, shape) for numbers in (codec.offset, codec.scale))
    if not isinstance(operator, LinearOperator):
        return Observation(Custom(_InUnits(operator, offset, scale)), values.float(), noise)
    shifted = values - operator.apply(offset)
    if len({*codec.scale}) == 1:
        unit = codec.scale[0]
        return Observation(operator, (shifted / unit).float(), noise / unit)
    if isinstance(operator, Matrix):
        return Observation(Matrix(shape, operator.matrix * scale.flatten()), shifted.float(), noise)
    if not isinstance(operator, WITHIN_CHANNELS):
        raise SettingsError(
            f"operator: {type(operator).__name__} mixes channels, for which one range wanted, got several; train a run "
            f"on data with one range for all channels, such as {EXAMPLE}"
        )
    seen = operator.apply(scale)
    if noise == 0:
        return Observation(operator, (shifted / seen).float())
    return Observation(ScaledByChannel(operator, seen[0]), shifted.float(), noise)


@final
class _InUnits:
    """A function of data in their units, as one of the model's range."""

    def __init__(self, operator: Operator, offset: Tensor, scale: Tensor) -> None:
        self._operator, self._offset, self._scale = operator, offset, scale

    def __call__(self, x: Images) -> Tensor:
        offset, scale = self._offset.to(x), self._scale.to(x)
        return self._operator.apply(offset + scale * x)


@final
class ScaledByChannel(LinearOperator):
    """Another operator's observations times a number of each channel: D A, with A A^T and D diagonal together."""

    def __init__(self, inner: LinearOperator, scale: Tensor) -> None:
        super().__init__(inner.shape)
        self._inner, self._scale = inner, scale

    def _scales(self, like: Tensor) -> Tensor:
        return self.kept("scale", like, lambda: self._scale)

    @property
    def words(self) -> str:
        """Those of the inner one."""
        return f"{self._inner.words}, channels of scales of their own"

    def is_a(self, kind: type[Operator]) -> bool:
        """As the inner one: values that are picked, and scaled, are replaced in the same way."""
        return super().is_a(kind) or self._inner.is_a(kind)

    def observe(self, x: Images) -> Tensor:
        """Return D A x."""
        return self._scales(x) * self._inner.observe(x)

    def adjoint(self, o: Tensor) -> Images:
        """Return A^T D o."""
        return self._inner.adjoint(self._scales(o) * o)

    @property
    def spectrum(self) -> Tensor:
        """That of A A^T, times the squares."""
        return self._scale.double() ** 2 * self._inner.spectrum

    def rotate(self, o: Tensor) -> Tensor:
        """As the inner one: within a channel."""
        return self._inner.rotate(o)

    def rotate_back(self, o: Tensor) -> Tensor:
        """As the inner one."""
        return self._inner.rotate_back(o)


def _per_channel(numbers: tuple[float, ...], shape: tuple[int, ...]) -> Tensor:
    """Return numbers by channel, or one for all, as one sample [1, c, *space], float64."""
    column = torch.tensor(numbers, dtype=torch.float64).expand(shape[0]).view(1, -1, *([1] * (len(shape) - 1)))
    return column.expand(1, *shape).contiguous()
