"""Metrics that look at each sample by itself: what they see is kept, and the samples are let go."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from idm.metrics.base import Metric
from idm.metrics.evidence import Evidence, Labelled, Needs
from idm.metrics.figure import Figure

Look = Callable[[Labelled], Float[Tensor, "n k"]]
"""Given samples, a few at a time: what is seen of each, a row of numbers."""

ALL = 2**62
"""More samples than there are of anything."""


class BySample(Metric):
    """Sees a row of numbers in every sample, and judges these; whoever draws samples holds only a few at a time.

    Attributes:
        sees: what the rows are called; metrics that call them the same, and look in the same way, have the same ones,
            which are made once.
        most_seen: of how many samples rows are kept, evenly from all.
        looks_with: what of real data ``look`` reads; no process holds others for it.
        looks_within: whether ``look`` reads the smallest and the largest real value.
    """

    sees: ClassVar[str]
    most_seen: ClassVar[int] = ALL
    looks_with: ClassVar[Needs] = Needs.HELD_OUT | Needs.TRAINING | Needs.REAL
    looks_within: ClassVar[bool] = True

    @property
    def sight(self) -> str:
        """What the rows are called, unlike those of all others: ``sees`` of metrics of one's own may be anybody's."""
        looking, beside = (next(cls for cls in type(self).__mro__ if name in vars(cls)) for name in ("look", "beside"))
        if _is_ours(looking) and _is_ours(beside):
            return looking.sees
        return f"{self.sees} of {_named(looking)} beside {_named(beside)}"

    @property
    def is_own(self) -> bool:
        """Whether it is of somebody's own code, and not of this package."""
        return not _is_ours(type(self))

    @abstractmethod
    def look(self, evidence: Evidence) -> Look:
        """Return what makes the rows; whatever takes long is done here, once, and reads nothing of samples."""

    @abstractmethod
    def beside(self, evidence: Evidence) -> Labelled:
        """Return the real data that are looked at in the same way."""

    @abstractmethod
    def judge(self, rows: Float[Tensor, "n k"], real: Float[Tensor, "m k"], evidence: Evidence) -> list[Figure]:
        """Measure on the rows of samples and of real data, which are float32; figures have names of their own."""

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Judge rows that are there, or else those of the samples."""
        rows, real = evidence.drawn_rows.get(self.sight), evidence.real_rows.get(self.sight)
        if rows is None or real is None:
            samples = evidence.samples if rows is None else None
            look = self.look(evidence)
            rows = look(samples).float() if samples is not None else rows
            real = look(self.beside(evidence)).float() if real is None else real
        assert rows is not None, "they were there, or were made"
        return self.judge(rows, real, evidence)


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _named(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
