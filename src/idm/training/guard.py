"""What happens where a loss or a gradient is not finite.

The update of such a step is left out, on the device; the host learns of it when it next reads the flags, at log
intervals and before checkpoints, so that no step waits for it. Too many bad steps, in a row or in all, lead back to the
last checkpoint before them, and past the data that they were made of; that is remembered in the checkpoints, so a
resumed run does the same. A run that goes back again and again without getting any further stops.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from idm.training.step import BatchLoss

LONGEST_STREAK = 2
"""Most bad steps in a row that are passed over; one more leads back to a checkpoint."""

LATEST_STEPS = 1000
"""Steps, up to the newest, among which bad ones are counted."""

MOST_BAD_STEPS = 10
"""Most bad steps among them that are passed over; one more leads back as well."""

MOST_ROLLBACKS = 2
"""Most times that a run goes back without a checkpoint past the step that it went back from; then it stops."""

MOST_UNREAD = 1024
"""Most flags that are left unread."""


@dataclass(frozen=True)
class BadStep:
    """A step whose update was left out.

    Attributes:
        step: completed optimiser steps before it.
        data_step: the step whose data it was made of.
        t_min: least of the batch's steps of the chain.
        t_max: greatest of them.
    """

    step: int
    data_step: int
    t_min: int
    t_max: int


@dataclass(frozen=True)
class Window:
    """Data steps from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int


class Guard:
    """Flags bad steps on the device, finds where there are too many, and knows which data are passed over."""

    def __init__(self) -> None:
        """Start without bad steps."""
        self.skipped: list[Window] = []
        self.num_rollbacks = 0
        self._left = 0  # the furthest step that the run went back from
        self._streak: list[BadStep] = []
        self._lately: list[BadStep] = []
        self._trouble: tuple[BadStep, ...] = ()
        self._flags: list[Tensor] = []
        self._batches: list[tuple[int, Tensor]] = []

    @property
    def trouble(self) -> tuple[BadStep, ...]:
        """The bad steps that lead back to a checkpoint; none where they are few.

        They end with the first that was too many, whatever was flagged after it by the time that flags were read.
        """
        return self._trouble

    @property
    def trouble_in_words(self) -> str:
        """How many they are, and when."""
        first, last = self._trouble[0].step + 1, self._trouble[-1].step + 1  # people count steps from 1
        return f"loss or gradient not finite {len(self._trouble):,} times from step {first:,} to {last:,}"

    @property
    def full(self) -> bool:
        """Whether as many flags are unread as may be."""
        return len(self._flags) >= MOST_UNREAD

    def data_step(self, step: int) -> int:
        """Return the step whose data the optimiser step ``step`` is made of: ``step``, unless data are passed over."""
        # Windows are sorted, and each shifts the steps from its start on: a later one is met at the shifted step.
        for window in self.skipped:
            if step >= window.start:
                step += window.stop - window.start
        return step

    def flag(self, step: int, batch: BatchLoss, bad: Tensor) -> None:
        """Remember, without reading it from the device, whether a step is ``bad`` []."""
        # What t were is on the host already; only the flag itself may have to be waited for.
        self._flags.append(bad)
        self._batches.append((step, batch.t))

    def read(self) -> list[BadStep]:
        """Wait for the device, and return the bad steps since the last call."""
        # One transfer for all flags: each would wait for the device on its own.
        flags = torch.stack(self._flags).tolist() if self._flags else []
        found: list[BadStep] = []
        for flag, (step, t) in zip(flags, self._batches, strict=True):
            if flag:
                found.append(BadStep(step, self.data_step(step), int(t.min()), int(t.max())))
                self._count(found[-1])
            else:
                self._streak.clear()
        self._flags.clear()
        self._batches.clear()
        return found

    def _count(self, bad: BadStep) -> None:
        self._streak.append(bad)
        # Single bad steps far apart are no sign of trouble, so the window moves along.
        self._lately = [one for one in (*self._lately, bad) if one.step > bad.step - LATEST_STEPS]
        # The first that was too many decides, so that it does not matter how late the flags are read.
        if not self._trouble and len(self._streak) > LONGEST_STREAK:
            self._trouble = tuple(self._streak)
        elif not self._trouble and len(self._lately) > MOST_BAD_STEPS:
            self._trouble = tuple(self._lately)

    def pass_over(self, restored_step: int, left_step: int) -> Window:
        """Pass over the data of the bad steps from now on, and count the rollback.

        Args:
            restored_step: completed steps of the checkpoint that was gone back to.
            left_step: completed steps before that; where no step was bad, all in between are passed over.
        """
        # In steps of data, not of the optimiser: other windows may lie before or between.
        start, trouble = self.data_step(restored_step), self.trouble
        first = trouble[0].data_step if trouble else start
        last = trouble[-1].data_step if trouble else self.data_step(left_step - 1)
        # What comes before the checkpoint is in its weights already, and is not repeated.
        window = Window(max(start, first), max(start, last + 1))
        self.skipped = sorted([*self.skipped, window], key=lambda window: window.start)
        self.num_rollbacks += 1
        # The furthest place counts: only a checkpoint behind it shows that the run got further.
        self._left = max(self._left, trouble[-1].step + 1 if trouble else left_step)
        self.forget()
        return window

    def settle(self, step: int) -> None:
        """Take note of a checkpoint of ``step``: behind the place of a rollback, earlier ones no longer count."""
        self.num_rollbacks = self._rollbacks_at(step)

    def forget(self) -> None:
        """Drop what was flagged."""
        self._trouble = ()
        for found in (self._streak, self._lately, self._flags, self._batches):
            found.clear()

    def state(self, step: int) -> dict[str, Any]:
        """Return JSON-able values for a checkpoint of ``step``; nothing may be left to ``read``."""
        assert not self._flags  # a resumed run could not read them
        return {
            "rollbacks": self._rollbacks_at(step),
            "left": self._left,
            "skipped": [asdict(window) for window in self.skipped],
            "streak": [asdict(bad) for bad in self._streak],
            "lately": [asdict(bad) for bad in self._lately],
        }

    def _rollbacks_at(self, step: int) -> int:
        return self.num_rollbacks if step <= self._left else 0

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` returned.

        Raises:
            ValueError: something else than numbers of steps.
        """
        # A damaged checkpoint may hold anything; wrong numbers would shift data silently.
        self.forget()
        left, lately = state.get("left", 0), state.get("lately", [])  # not in older checkpoints
        entries = [*state["skipped"], *state["streak"], *lately]
        numbers = [state["rollbacks"], left, *(n for entry in entries for n in entry.values())]
        if not all(type(number) is int and 0 <= number < 2**53 for number in numbers):
            raise ValueError("guard: numbers of steps wanted, got something else")
        self.num_rollbacks, self._left = state["rollbacks"], left
        self.skipped = [Window(**window) for window in state["skipped"]]
        self._streak, self._lately = ([BadStep(**bad) for bad in found] for found in (state["streak"], lately))


def guarded_update(optimizer: torch.optim.Optimizer, bad: Tensor) -> None:
    """Make an optimiser step where ``bad`` is 0; elsewhere weights and moments stay as they are, bit by bit."""
    if optimizer.defaults.get("fused"):  # the kernel itself looks at the flag: nothing waits for the device
        optimizer.found_inf = bad  # pyright: ignore[reportAttributeAccessIssue]
        optimizer.step()
    elif not bool(bad):
        optimizer.step()
