"""The noise that a loop adds on its way down, drawn for several steps at once while batches are small."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.rng import Rng

LARGEST_BLOCK = 65_536
"""Numbers drawn ahead; a batch of more is drawn step by step."""

MOST_STEPS = 64


class StepNoise:
    """The numbers of an ``Rng``; each draw at a step brings those of the steps below it along."""

    def __init__(self, rng: Rng) -> None:
        """Draw from ``rng``."""
        self._rng = rng
        self._ahead: dict[tuple[str, tuple[int, ...], torch.dtype], dict[int, Tensor]] = {}

    def normal(
        self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "b *shape"]:
        """Return what ``Rng.normal`` returns; draws for one purpose leave those for another in place."""
        kind = (purpose, tuple(shape), dtype)
        if step not in self._ahead.get(kind, {}):
            per_step = max(1, len(self._rng.seeds) * math.prod(shape))
            count = max(1, min(step + 1, MOST_STEPS, LARGEST_BLOCK // per_step))
            steps = range(step, step - count, -1)
            self._ahead[kind] = dict(zip(steps, self._rng.normals(purpose, steps, shape, dtype), strict=True))
        return self._ahead[kind][step]
