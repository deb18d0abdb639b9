"""Per-step numbers of a chain: computed once in float64, looked up in one operation.

A table has one column per step and one row per quantity, and lives on the data's device in the data's dtype. It is
looked up at an ``int`` (every sample at the same step: tensors of no axes come back, made once per step and cheaper to
multiply by than Python's numbers) or at a batch of steps (one gather).
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


class StepTable(Generic[Row]):
    """Quantities over the steps of a chain, looked up as a ``row`` of values by name."""

    def __init__(self, row: Callable[..., Row], **quantities: Float64) -> None:
        """Stack the quantities, each float64 [T], under the names that ``row`` takes them by."""
        self._row = row
        self._names = tuple(quantities)
        self._values = np.stack(list(quantities.values()))
        self._rows: dict[tuple[int, torch.device, torch.dtype], Row] = {}
        self._tensors: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def at(self, t: int | Tensor, like: Tensor) -> Row:
        """Look up step ``t``: an int in [0, T), or int64 [b] for a step per sample.

        Args:
            t: the step or steps.
            like: the data; its device, dtype (at least float32) and number of axes shape the result.

        Raises:
            SettingsError: an int outside of [0, T).
        """
        if isinstance(t, int):
            key = (t, like.device, like.dtype)
            return self._rows[key] if key in self._rows else self._rows.setdefault(key, self._row_of(t, like))
        rows = self._on(like).index_select(1, t.to(like.device))
        return self._named(append_dims(rows, like.ndim + 1).unbind(0))

    def _row_of(self, t: int, like: Tensor) -> Row:
        num_steps = self._values.shape[1]
        if not 0 <= t < num_steps:
            raise SettingsError(f"t: a step in [0, {num_steps}) wanted, got {t}")
        with torch.inference_mode(False):
            return self._named(self._on(like)[:, t].unbind(0))

    def _named(self, values: Sequence[Tensor]) -> Row:
        return self._row(**dict(zip(self._names, values, strict=True)))

    def _on(self, like: Tensor) -> Tensor:
        dtype = like.dtype if like.dtype in (torch.float32, torch.float64) else torch.float32
        key = (like.device, dtype)
        if key not in self._tensors:
            with torch.inference_mode(False):  # or gradients could never flow past it
                self._tensors[key] = torch.as_tensor(self._values).to(dtype).to(like.device)
        return self._tensors[key]
