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
from idm.core.tensors import append_dims, made_once

Row = TypeVar("Row")
Float64 = npt.NDArray[np.float64]


class StepOutsideError(SettingsError, IndexError):
    """A step lies outside of the chain."""


def refuse_other_steps(t: int | Tensor, num_steps: int) -> None:
    """Refuse what is neither a step nor a list of steps.

    Steps that lie on another device than the CPU are not compared with T: the host would have to wait for them.

    Args:
        t: the step or steps.
        num_steps: T.

    Raises:
        StepOutsideError: outside of [0, T).
        SettingsError: no integers, or no list.
    """
    if isinstance(t, int) and not isinstance(t, bool):
        if not 0 <= t < num_steps:
            raise StepOutsideError(f"t: a step in [0, {num_steps}) wanted, got {t}")
        return
    wanted = "t: an int, or a tensor [b] of int64 steps, wanted"
    if not isinstance(t, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance] (callers' types are not checked)
        raise SettingsError(f"{wanted}, got {type(t).__name__} {t}")
    if t.dtype not in (torch.int64, torch.int32) or t.ndim != 1:
        raise SettingsError(f"{wanted}, got {str(t.dtype).removeprefix('torch.')} of shape {tuple(t.shape)}")
    if t.device.type == "cpu" and t.numel():
        least, most = (int(limit) for limit in t.aminmax())
        if least < 0 or most >= num_steps:
            raise StepOutsideError(f"t: steps in [0, {num_steps}) wanted, got {least} to {most}")


def held_in(like: Tensor) -> torch.dtype:
    """Return the number format of levels for data ``like``: at least float32."""
    return torch.float64 if like.dtype == torch.float64 else torch.float32


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
            SettingsError: no such step or steps, see ``refuse_other_steps``.
        """
        if type(t) is not int:  # True would be found among the rows, as it is equal to 1
            refuse_other_steps(t, self._values.shape[1])
        if isinstance(t, int):
            key = (t, like.device, like.dtype)
            known = self._rows.get(key)  # looked up at every step of every walk
            return made_once(self._rows, key, lambda: self._row_of(t, like)) if known is None else known
        rows = self._on(like).index_select(1, t.to(like.device))
        return self._named(append_dims(rows, like.ndim + 1).unbind(0))

    def _row_of(self, t: int, like: Tensor) -> Row:
        refuse_other_steps(t, self._values.shape[1])
        return self._named(self._on(like)[:, t].unbind(0))

    def _named(self, values: Sequence[Tensor]) -> Row:
        return self._row(**dict(zip(self._names, values, strict=True)))

    def _on(self, like: Tensor) -> Tensor:
        dtype = held_in(like)
        device = like.device
        return made_once(self._tensors, (device, dtype), lambda: torch.as_tensor(self._values).to(dtype).to(device))
