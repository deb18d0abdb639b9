"""An error that is wanted of an estimated bound, beside the one that it has."""

from dataclasses import dataclass
from typing import final

from idm.core.text import counted


@final
@dataclass(frozen=True)
class Target:
    """A standard error that was wanted of the mean of samples, and what it took to find out how many calls that is.

    Attributes:
        standard_error: the one that was wanted, bits/dim.
        pilot_images: samples that it was foretold from.
        pilot_calls: of the network for each of them.
    """

    standard_error: float
    pilot_images: int
    pilot_calls: int

    def in_words(self, reached: float) -> str:
        """Say whether it was reached, and what the pilot cost, beside the error that the estimate has."""
        pilot = f"a pilot of {counted(self.pilot_images, 'sample')}, {counted(self.pilot_calls, 'call')} each"
        if reached <= self.standard_error:
            return f"± {self.standard_error:.2g} wanted and reached, after {pilot}"
        by = f"{reached / self.standard_error - 1.0:.1%}"
        return f"± {self.standard_error:.2g} wanted and missed by {by}, as these samples scatter more than {pilot}"
