"""What is known of data that are to be restored: o = A x_0 + s n, with standard normal n."""

from dataclasses import dataclass, replace
from typing import Annotated, final

from annotated_types import Ge
from torch import Tensor

from idm.core.counts import finite_number
from idm.core.limits import refuse_out_of_range
from idm.core.tensors import append_dims
from idm.core.types import Images
from idm.restoration.operators.base import Operator


@final
@dataclass(frozen=True, eq=False)
class Observation:
    """A batch of observations, one per sample.

    Attributes:
        operator: A.
        values: o, of what ``operator.apply`` returns [b, ...], in the model's range.
        noise: s, the standard deviation of the noise in each number of ``values``, in the model's range; 0: none.
    """

    operator: Operator
    values: Tensor
    noise: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        """Refuse noise below 0, and noise without end.

        Raises:
            SettingsError: as said.
        """
        refuse_out_of_range(type(self), vars(self))
        finite_number(self.noise, "noise")

    @property
    def variance(self) -> float:
        """s^2."""
        return float(self.noise) ** 2

    def residual(self, x: Images) -> Tensor:
        """Return o - A x."""
        return self.values - self.operator.apply(x)

    def select(self, rows: Tensor, /) -> "Observation":
        """Return the observations of some of the samples, by their numbers [n], repeated or not."""
        return replace(self, values=self.values.index_select(0, rows.to(self.values.device)))


def over(numbers: Tensor, o: Tensor) -> Tensor:
    """Shape a number of a level, or one of each sample, to broadcast over observations [b, ...]."""
    return append_dims(numbers.flatten(), o.ndim) if numbers.ndim else numbers
