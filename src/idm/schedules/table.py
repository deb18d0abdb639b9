"""Per-step numbers of a chain: computed once in float64, looked up in one operation.

A table has one column per step and one row per quantity. It is looked up at an ``int`` (every sample at the
same step: plain floats come back, and no tensor is touched) or at a batch of steps (one gather on a copy of
the table that lives on the data's device, in the data's dtype).
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import append_dims

Row = TypeVar("Row")
Float64 = npt.NDArray[np.float64]
Coefficient = Tensor | float
"""A number for all samples, or one per sample, shaped to broadcast over the data."""


class StepTable(Generic[Row]):
    """Quantities over the steps of a chain, looked up as a ``row`` of values by name."""

    def __init__(self, row: Callable[..., Row], **quantities: Float64) -> None:
        """Stack the quantities, each float64 [T], under the names that ``row`` takes them by."""
        self._row = row
        self._names = tuple(quantities)
        self._values = np.stack(list(quantities.values()))
        self._tensors: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def at(self, t: int | Tensor, like: Tensor) -> Row:
        """Look up step ``t``: an int in [0, T), or int64 [b] for a step per sample.

        Args:
            t: the step or steps.
            like: the data; its device, dtype (at least float32) and number of axes shape the result.

        Raises:
            SettingsError: an int outside of [0, T).
        """
        num_steps = self._values.shape[1]
        if isinstance(t, int):
            if not 0 <= t < num_steps:
                raise SettingsError(f"t: a step in [0, {num_steps}) wanted, got {t}")
            return self._named(self._values[:, t].tolist())
        rows = self._on(like).index_select(1, t.to(like.device))
        return self._named(append_dims(rows, like.ndim + 1).unbind(0))

    def _named(self, values: Sequence[Coefficient]) -> Row:
        return self._row(**dict(zip(self._names, values, strict=True)))

    def _on(self, like: Tensor) -> Tensor:
        dtype = like.dtype if like.dtype in (torch.float32, torch.float64) else torch.float32
        key = (like.device, dtype)
        if key not in self._tensors:
            self._tensors[key] = torch.as_tensor(self._values).to(dtype).to(like.device)
        return self._tensors[key]
