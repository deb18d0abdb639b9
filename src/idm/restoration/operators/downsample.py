"""Fewer, larger pixels."""

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.restoration.operators.axes import per_axis
from idm.restoration.operators.base import LinearOperator


@final
class Downsample(LinearOperator):
    """The means of blocks: o [b, c, *smaller]."""

    def __init__(self, shape: Sequence[int], factors: Sequence[int]) -> None:
        """Say how large the blocks are.

        Args:
            shape: of one sample [c, *space].
            factors: length of a block on each spatial axis, or one length for all of them.

        Raises:
            SettingsError: data without spatial axes, another number of factors, or one that does not divide its axis.
        """
        super().__init__(shape)
        lengths = [whole_number(factor, "factors") for factor in factors]
        self.factors = per_axis("factors", lengths, self.shape)
        if not all(
            factor >= 1 and size % factor == 0 for factor, size in zip(self.factors, self.shape[1:], strict=True)
        ):
            raise SettingsError(f"factors: divisors of the sizes {self.shape[1:]} wanted, got {self.factors}")
        self._smaller = [size // factor for factor, size in zip(self.factors, self.shape[1:], strict=True)]
        self._block = math.prod(self.factors)

    @property
    def words(self) -> str:
        """The size of its blocks in words."""
        return f"means of {' x '.join(map(str, self.factors))}"

    @property
    def spectrum(self) -> Tensor:
        """One over the number of values in a block."""
        return torch.tensor(1.0 / self._block, dtype=torch.float64)

    def observe(self, x: Images) -> Tensor:
        """Take the means: [b, c, n1, f1, n2, f2, ...] over every other axis."""
        sizes = [size for pair in zip(self._smaller, self.factors, strict=True) for size in pair]
        return x.reshape(*x.shape[:2], *sizes).mean(dim=list(range(3, 3 + len(sizes), 2)))

    def adjoint(self, o: Tensor) -> Images:
        """Repeat each mean over its block, divided by the number of its values."""
        for axis, factor in enumerate(self.factors, 2):
            o = o.repeat_interleave(factor, dim=axis)
        return o / self._block
