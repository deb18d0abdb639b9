"""Values that are seen, and holes."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.restoration.operators.base import Selection, number_of


@final
class Mask(Selection):
    """Some values of each sample are seen: o [b, n] lists them in the order of the data."""

    def __init__(self, shape: Sequence[int], seen: Tensor) -> None:
        """Say which.

        Args:
            shape: of one sample [c, *space].
            seen: bool, True where a value is seen: [c, *space], or [1, *space] for all channels.

        Raises:
            SettingsError: another shape or type, or nothing is seen.
        """
        super().__init__(shape)
        if seen.dtype != torch.bool or tuple(seen.shape) not in (self.shape, (1, *self.shape[1:])):
            raise SettingsError(
                f"mask: truth values of shape {self.shape} or {(1, *self.shape[1:])} wanted, as the data have, got "
                f"{tuple(seen.shape)} of {str(seen.dtype).removeprefix('torch.')}"
            )
        if not bool(seen.any()):
            raise SettingsError("mask: some values that are seen wanted, got none")
        self._seen = seen.cpu().expand(self.shape)

    @classmethod
    def whole(cls, shape: Sequence[int]) -> "Mask":
        """See every value of samples [c, *space]."""
        return cls(shape, torch.ones(tuple(shape), dtype=torch.bool))

    @property
    def words(self) -> str:
        """How much is seen, in words."""
        return f"{int(self._seen.sum()):,} of {self._seen.numel():,} values seen"

    @property
    def seen(self) -> Tensor:
        """As given, of all channels."""
        return self._seen

    def _places(self, like: Tensor) -> Tensor:
        return self.kept("places", like, lambda: self._seen.flatten().nonzero()[:, 0])

    def observe(self, x: Images) -> Tensor:
        """Pick the values that are seen."""
        return x.flatten(1).index_select(1, self._places(x))

    def adjoint(self, o: Tensor) -> Images:
        """Put them where they belong; 0 elsewhere."""
        empty = o.new_zeros(len(o), number_of(self.shape))
        return empty.index_copy(1, self._places(o), o).view(-1, *self.shape)
