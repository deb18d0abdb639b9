"""Channels that are seen, such as the leads of a recording."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.restoration.operators.base import Selection


@final
class Channels(Selection):
    """Some channels are seen: o [b, n, *space]."""

    def __init__(self, shape: Sequence[int], channels: Sequence[int]) -> None:
        """Say which.

        Args:
            shape: of one sample [c, *space].
            channels: their numbers, from 0, in the order in which they are observed.

        Raises:
            SettingsError: none, one named twice, or one that there is not.
        """
        super().__init__(shape)
        self.channels = tuple(whole_number(channel, "channels") for channel in channels)
        distinct = len(set(self.channels)) == len(self.channels)
        if not self.channels or not distinct or not set(self.channels) <= set(range(self.shape[0])):
            raise SettingsError(
                f"channels: distinct numbers from 0 to {self.shape[0] - 1} wanted, got {list(self.channels)}"
            )

    @property
    def words(self) -> str:
        """Its channels in words."""
        return f"{', '.join(map(str, self.channels))} of {self.shape[0]} channels"

    @property
    def seen(self) -> Tensor:
        """All values of these channels."""
        seen = torch.zeros(self.shape, dtype=torch.bool)
        seen[list(self.channels)] = True
        return seen

    def _numbers(self, like: Tensor) -> Tensor:
        return self.kept("channels", like, lambda: torch.tensor(self.channels))

    def observe(self, x: Images) -> Tensor:
        """Pick the channels."""
        return x.index_select(1, self._numbers(x))

    def adjoint(self, o: Tensor) -> Images:
        """Put them where they belong; 0 in the others."""
        return o.new_zeros(len(o), *self.shape).index_copy(1, self._numbers(o), o)
