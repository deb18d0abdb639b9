"""What a check of the mathematics finds."""

from dataclasses import dataclass
from typing import Any

from idm.proof.measured import Measured


@dataclass(frozen=True)
class Proof:
    """What was measured, beside what theory says.

    Attributes:
        name: of the check.
        measured: orders.
    """

    name: str
    measured: tuple[Measured, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as theory says."""
        return all(one.holds for one in self.measured)

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {"name": self.name, "holds": self.holds, "measured": [one.to_plain() for one in self.measured]}
