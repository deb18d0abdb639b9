"""Drawing samples that belong to observations, a batch at a time: in memory, or wherever batches are kept."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol, final, runtime_checkable

import torch
from torch import Tensor

from idm.core.progress import Listener
from idm.core.tensors import require_finite
from idm.restoration import Observation
from idm.run.label_kind import Label
from idm.run.opened import Opened

Look = Callable[[int], None]
"""Called after every step, with how many samples took it."""

Part = dict[str, Tensor]
Compute = Callable[[range, Callable[[], None]], Part]
"""Given the numbers of samples and what is to be called now and then: tensors with a row per sample."""

SAMPLES, EFFECTIVE, CLASSES = "samples", "effective", "classes"
"""Names of the tensors of a part: samples in the model's range; the share of particles that count, where there are any;
numbers of classes that were found, where nobody told them."""


@dataclass(frozen=True, eq=False)
class Draws(ABC):
    """What is to be drawn: ``num`` samples of each observation, in turn.

    Attributes:
        observations: one of each, in the model's range.
        num: samples of each.
        labels: class of each observation, which its samples have; None where it has none.
        seed: draw j of observation i is drawn from seed + num i + j.
    """

    observations: Sequence[Observation]
    num: int
    labels: Sequence[Label | None]
    seed: int

    def __len__(self) -> int:
        """Count all samples."""
        return len(self.observations) * self.num

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps of each sample, every time that one is taken."""

    @property
    def looks(self) -> int:
        """Calls of ``look`` for each sample; one a step by default."""
        return self.steps

    @property
    @abstractmethod
    def way(self) -> str:
        """How samples are drawn, in words."""

    @property
    def has_particles(self) -> bool:
        """Whether samples are drawn from weighed particles; not by default."""
        return False

    @property
    def kept(self) -> Tensor | None:
        """What was seen without noise, in the data's units [n, c, *space], NaN elsewhere; None: nothing is known so."""
        return None

    @property
    def num_complete(self) -> int:
        """Observations of which every value is kept."""
        return 0 if self.kept is None else int((~self.kept.isnan()).flatten(1).all(dim=1).sum())

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """Return how samples are drawn as JSON-able values, which tell one way from another."""

    def shapes(self, run: Opened) -> dict[str, tuple[int, ...]]:
        """Return the shape of what each tensor of ``draw`` holds of one sample."""
        return {SAMPLES: run.spec.shape, **({EFFECTIVE: ()} if self.has_particles else {})}

    def draw(self, run: Opened, rows: range, look: Look) -> Part:
        """Draw the samples of those numbers, on the CPU.

        Raises:
            NumericalError: samples are not finite.
        """
        parts = [self.draw_batch(run, numbers, seen, look) for numbers, seen in self._batches(run, rows)]
        found = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
        return {**found, SAMPLES: require_finite(found[SAMPLES], SAMPLES)}

    @abstractmethod
    def draw_batch(self, run: Opened, numbers: Sequence[int], observation: Observation, look: Look) -> Part:
        """Draw the samples of those numbers, of which an observation [n, ...] is on the run's device."""

    def seeds(self, numbers: Sequence[int]) -> list[int]:
        """Return the seed of each sample."""
        return [self.seed + number for number in numbers]

    def labels_of(self, run: Opened, numbers: Sequence[int], labels: Sequence[Label | None]) -> Tensor | None:
        """Return the classes of samples of those numbers, by the labels of their observations."""
        return run.labels_of(None, [labels[number // self.num] for number in numbers])

    def _batches(self, run: Opened, rows: range) -> Iterator[tuple[list[int], Observation]]:
        """Yield samples that are observed by one operator together."""
        for _, group in groupby(rows, key=lambda row: id(self.observations[row // self.num].operator)):
            numbers = list(group)
            each = [self.observations[row // self.num] for row in numbers]
            yield numbers, replace(each[0], values=torch.cat([one.values for one in each]).to(run.device))


@runtime_checkable
class Batches(Protocol):
    """Where samples are drawn in batches."""

    @property
    def ahead(self) -> tuple[int, int]:
        """Samples that there will be, and those that there are from an earlier call."""
        ...

    def run(self, compute: Compute, /) -> Part:
        """Compute the batches that are missing, and return all of them together."""
        ...


@final
@dataclass(frozen=True)
class InMemory:
    """Batches that are kept in memory.

    Attributes:
        num: samples.
        size: of a batch.
    """

    num: int
    size: int

    @property
    def ahead(self) -> tuple[int, int]:
        """All of them."""
        return self.num, 0

    def run(self, compute: Compute, /) -> Part:
        """Compute one after the other."""
        starts = range(0, self.num, self.size)
        parts = [compute(range(first, min(first + self.size, self.num)), lambda: None) for first in starts]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def draw_all(run: Opened, draws: Draws, batches: Batches, listener: Listener, *, doing: str) -> Part:
    """Draw all samples; errors as of ``Draws.draw``, and of the batches."""
    total, done = batches.ahead
    with listener.follow(doing, total, unit="samples", done=done, parts=draws.looks) as bar:

        def compute(rows: range, look: Callable[[], None]) -> Part:
            def stepped(count: int) -> None:
                look()
                bar.advance(count)

            return draws.draw(run, rows, stepped)

        return batches.run(compute)
