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
