"""What a metric finds: numbers that know their error, their unit, and what real data would have."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from torch import Tensor

from idm.core.estimate import Estimate


class Better(Enum):
    """Where a figure should lie; its value is what JSON says."""

    LOWER = "lower"
    HIGHER = "higher"
    NEAR_NULL = "near the null"


@dataclass(frozen=True)
class Null:
    """What a figure is where real data take the place of samples, at the same numbers of both.

    Attributes:
        mean: over the drawings.
        lower: bound that 2.5 % of them lie below.
        upper: bound that 2.5 % of them lie above.
        num: how many drawings.
        p_value: share of the ways in which samples and real data change places that is as bad as the samples, these
            counted among them; small where samples are worse than chance explains.
    """

    mean: float
    lower: float
    upper: float
    num: int
    p_value: float


@dataclass(frozen=True)
class Figure:
    """One number that a metric found.

    Attributes:
        name: of the number, unlike those of all others.
        value: of it.
        standard_error: how far chance moves it, over samples; nan where that is not known.
        unit: of the value; nothing of a pure number.
        better: where it should lie.
        note: what it is, and of how many samples.
        form: how it is written.
        null: what real data would have; None where that is not known.
        num: of how many samples it is; 0: that is not told.
    """

    name: str
    value: float
    standard_error: float = math.nan
    unit: str = ""
    better: Better = Better.LOWER
    note: str = ""
    form: str = ".4g"
    null: Null | None = None
    num: int = 0

    @classmethod
    def mean_of(cls, name: str, values: Tensor, **about: Any) -> "Figure":
        """Return the mean of values [n], with its standard error; further arguments are attributes."""
        found = Estimate.of(values)
        return cls(name, found.mean, found.standard_error, num=len(values), **about)

    def in_words(self) -> str:
        """Write it in a line: value and error, what it is, and what real data have."""
        error = f" ± {self.standard_error:{self.form}}" if math.isfinite(self.standard_error) else ""
        said = f"{self.value:{self.form}}{error}{self.unit and ' '}{self.unit}"
        if self.note:
            said += f"  {self.note}"
        if self.null is not None:
            null, form = self.null, self.form
            said += (
                f"; real data {null.mean:{form}} ({null.lower:{form}} to {null.upper:{form}}), p = {null.p_value:.3g}"
            )
        return said

    def to_plain(self) -> dict[str, Any]:
        """Return what JSON can hold, numbers that are not finite among them; the note tells the number of samples."""
        null = None if self.null is None else vars(self.null)
        plain = {key: value for key, value in vars(self).items() if key not in {"form", "num"}}
        return plain | {"better": self.better.value, "null": null}
