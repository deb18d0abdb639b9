"""A label and a condition of each sample in one row of numbers, which is cut, joined and moved as labels alone are."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


def joined(labels: Tensor, condition: Tensor) -> Tensor:
    """Put labels [b] or [b, k] and conditions [b, ...] into rows, float32 [b, numbers], which ``ToldRows`` takes apart.

    Numbers of classes are exact: there are fewer than 2^24.
    """
    return torch.cat([part.reshape(len(part), -1).to(torch.float32) for part in (labels, condition)], dim=1)


@final
@dataclass(frozen=True)
class ToldRows:
    """How rows of labels and conditions are laid out.

    Attributes:
        label: shape of one label, () for the number of a class.
        label_type: of labels.
        condition: shape of one condition [k, *space].
    """

    label: tuple[int, ...]
    label_type: torch.dtype
    condition: tuple[int, ...]

    def labels_in(self, rows: Tensor) -> Tensor:
        """Return the labels, [b, *label]."""
        return rows[:, : math.prod(self.label)].reshape(len(rows), *self.label).to(self.label_type)

    def conditions_in(self, rows: Tensor) -> Tensor:
        """Return the conditions, [b, k, *space]."""
        return rows[:, math.prod(self.label) :].reshape(len(rows), *self.condition)

    def with_label(self, rows: Tensor, number: float) -> Tensor:
        """Return the same rows with this number for all of every label."""
        found = rows.clone()
        found[:, : math.prod(self.label)] = number
        return found
