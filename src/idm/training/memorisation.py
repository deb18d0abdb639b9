"""When memorisation began: what is heeded of the figures of a training, and what checkpoints remember of it."""

from collections.abc import Mapping
from typing import final

from idm.core.progress import warn

SHARE, ERROR, SINCE = "memorised", "memorised_error", "memorising_since"
"""Names in lines of metrics: by which share errors of training samples are below those of held-out ones, its standard
error, and the step by which that began."""

LEAST_SHARE, LEAST_ERRORS = 0.1, 3.0
"""Smallest share, and fewest of its standard errors, that count as memorisation."""


def has_begun(figures: Mapping[str, float]) -> bool:
    """Whether figures say that training samples are told from others; numbers that are not finite say nothing."""
    share, error = (figures.get(name, float("nan")) for name in (SHARE, ERROR))
    return share > LEAST_SHARE and share > LEAST_ERRORS * error


@final
class Onset:
    """Remembers the first step at which figures said that memorisation had begun.

    Attributes:
        since: completed optimiser steps then; None: it has not been seen.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.since: int | None = None

    def heed(self, step: int, figures: Mapping[str, float], *, tells: bool) -> dict[str, int | float]:
        """Return the figures of a step, with the step since when where that is known.

        Args:
            step: completed optimiser steps.
            figures: of that step; empty where nothing was measured.
            tells: whether to say so where it begins.
        """
        if self.since is None and has_begun(figures):
            self.since = step
            if tells:
                warn(
                    f"training: memorisation began by step {step:,}: errors on training samples are "
                    f"{figures[SHARE]:.0%} ± {figures[ERROR]:.0%} below those on held-out ones; more data, more "
                    "dropout or fewer steps help, and training.best_before_memorisation=true keeps earlier checkpoints"
                )
        return {**figures} if self.since is None or not figures else {**figures, SINCE: self.since}

    def restore(self, since: object, step: int) -> None:
        """Take over what a checkpoint of ``step`` remembers.

        Raises:
            ValueError: no step up to that one.
        """
        if since is not None and not (type(since) is int and 0 <= since <= step):
            raise ValueError(f"training.json: a step of memorisation up to {step} wanted, got {since!r}")
        self.since = since if isinstance(since, int) else None
