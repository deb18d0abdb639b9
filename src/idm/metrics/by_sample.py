"""Metrics that look at each sample by itself: what they see is kept, and the samples are let go."""

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property, partial
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from idm.core.code import call_code
from idm.core.contents import hash_of_contents
from idm.metrics.base import Metric, is_ours
from idm.metrics.evidence import Evidence, Labelled, Needs
from idm.metrics.figure import Figure

Look = Callable[[Labelled], Float[Tensor, "n k"]]
"""Given samples, a few at a time: what is seen of each, a row of numbers."""

ALL = 2**62
"""More samples than there are of anything."""


class BySample(Metric):
    """Sees a row of numbers in every sample, and judges these; whoever draws samples holds only a few at a time.

    Attributes:
        sees: what the rows are called.
        looks_by: fields that ``look`` reads, of a metric of this package. Those that have the same look, and the same
            values of these, have the same rows, which are made once.
        most_seen: of how many samples rows are kept, evenly from all.
        look_needs: what of real data ``look`` reads; no process holds others for it.
        look_reads_extremes: whether ``look`` reads the smallest and the largest real value.
    """

    sees: ClassVar[str]
    looks_by: ClassVar[tuple[str, ...]] = ()
    most_seen: ClassVar[int] = ALL
    look_needs: ClassVar[Needs] = Needs.HELD_OUT | Needs.TRAINING | Needs.REAL
    look_reads_extremes: ClassVar[bool] = True

    @cached_property
    def sight(self) -> str:
        """What the rows are called, unlike those of all others.

        Those of a look of this package are called by what it reads of the metric, so that several may have the same.
        Those of anybody else's are called by class and contents, as nobody knows what a look reads.
        """
        looking, beside = (next(cls for cls in type(self).__mro__ if name in vars(cls)) for name in ("look", "beside"))
        if is_ours(looking) and is_ours(beside):
            return " ".join([looking.sees, *(f"{name}={getattr(self, name)}" for name in looking.looks_by)])
        return f"{self.sees} of {self.called} {hash_of_contents(self)[:16]}"

    def make_look(self, evidence: Evidence) -> Look:
        """Return what makes the rows.

        Raises:
            DataError: it is somebody's own, and raised something; so may what is returned.
        """
        if not self.is_own:
            return self.look(evidence)
        return partial(call_code, call_code(self.look, self.called, "metrics", evidence), self.called, "metrics")

    def real_of(self, evidence: Evidence) -> Labelled:
        """Return the real data that are looked at; errors as of ``make_look``."""
        return call_code(self.beside, self.called, "metrics", evidence) if self.is_own else self.beside(evidence)

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
            look = self.make_look(evidence)
            rows = look(samples).float() if samples is not None else rows
            real = look(self.real_of(evidence)).float() if real is None else real
        assert rows is not None, "they were there, or were made"
        return self.judge(rows, real, evidence)
