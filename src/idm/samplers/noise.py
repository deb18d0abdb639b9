"""The noise that a loop adds on its way down, drawn for several steps at once while batches are small."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.rng import Rng

LARGEST_BLOCK_NUMBERS = 65_536
"""Numbers drawn ahead; a batch of more is drawn step by step."""

MOST_STEPS = 256


class StepNoise:
    """The numbers of an ``Rng``; each draw at a step brings those of the steps below it along."""

    def __init__(self, rng: Rng) -> None:
        """Draw from ``rng``."""
        self._rng = rng
        self._ahead: dict[tuple[object, ...], dict[int, Tensor]] = {}

    def normal(
        self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "b *shape"]:
        """Return what ``Rng.normal`` returns; draws for one purpose leave those for another in place."""
        kind = (purpose, dtype, *shape)
        ahead = self._ahead.get(kind)
        if ahead is None or step not in ahead:
            per_step = max(1, len(self._rng.seeds) * math.prod(shape))
            count = max(1, min(step + 1, MOST_STEPS, LARGEST_BLOCK_NUMBERS // per_step))
            steps = range(step, step - count, -1)
            ahead = dict(zip(steps, self._rng.normals(purpose, steps, shape, dtype), strict=True))
            self._ahead[kind] = ahead
        return ahead[step]
