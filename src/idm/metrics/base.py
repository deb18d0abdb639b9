"""What a metric is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from idm.metrics.evidence import Evidence, Needs, Setup
from idm.metrics.figure import Figure


class Metric(ABC):
    """Measures samples, or a model, and says what it found in figures.

    Attributes:
        needs: what of the evidence it reads; nothing else is drawn, read or scored for it.
    """

    needs: ClassVar[Needs] = Needs.SAMPLES

    def check(self, setup: Setup) -> None:  # noqa: B027 (most metrics can measure anything)
        """Refuse what cannot be measured, before anything is drawn.

        Raises:
            SettingsError: it cannot.
        """

    @abstractmethod
    def measure(self, evidence: Evidence) -> list[Figure]:
        """Measure; figures have names of their own."""

    @property
    def is_own(self) -> bool:
        """Whether it is of somebody's own code, and not of this package."""
        return not is_ours(type(self))

    @property
    def called(self) -> str:
        """Its class as whoever asks for it names it, "module:name"."""
        return f"{type(self).__module__}:{type(self).__qualname__}"


def is_ours(cls: type) -> bool:
    """Whether a class is of this package."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]
