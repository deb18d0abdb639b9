"""Whether any process of a job wants to stop."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from idm.core.ranks import Ranks


class Vote:
    """Whether any process wants to stop: asked at every step and answered one step later, so that no device waits.

    A process alone has its answer at once.
    """

    def __init__(self, ranks: Ranks, wish: Callable[[], bool]) -> None:
        """Start without a vote; ``wish`` tells whether this process wants to stop."""
        self._ranks, self._wish = ranks, wish
        self._wishes = torch.zeros(1)
        self._pending: Any = None
        self._decided = False

    @property
    def carried(self) -> bool:
        """Whether to stop now, the same on all processes."""
        return self._wish() if self._ranks.size == 1 else self._decided

    def cast(self) -> None:
        """Take the outcome of the last vote, and begin another; to be called once in a step."""
        if self._ranks.size == 1:
            return
        # That vote has had a whole step to arrive, so that this hardly ever waits.
        self.settle()
        self._decided = bool(self._wishes > 0)
        self._wishes = torch.tensor([float(self._wish())])
        self._pending = dist.all_reduce(self._wishes, group=self._ranks.host, async_op=True)

    def settle(self) -> None:
        """Wait for a vote that is still under way."""
        if self._pending is not None:
            self._pending.wait()
            self._pending = None
