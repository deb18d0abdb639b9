"""Kinds of labels: classes, numbers, or nothing.

Conditions are in ``field_labels``, and both together in ``labelled_fields``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from idm.data.attributes import Attributes
from idm.data.remarks import listed
from idm.run.label_kind import Label, LabelKind
from idm.run.labels import Labels, class_numbers
from idm.run.number_labels import read_rows


@final
@dataclass(frozen=True)
class NoLabels(LabelKind):
    """The network is told nothing."""

    def read(self, labels: Labels | None, option: str = "labels") -> list[Label] | None:
        """Refuse all labels."""
        return _listed(class_numbers(labels, None, option))

    def every(self) -> list[Label]:
        """Return nothing."""
        return []

    def tensor(self, labels: Sequence[Label]) -> Tensor:
        """Return an empty tensor: there is nothing to tell."""
        return torch.empty(0, dtype=torch.int64)

    def labels_of(self, y: Tensor) -> list[Label]:
        """Return nothing."""
        return []

    def nothing(self, count: int) -> Tensor:
        """As ``tensor``."""
        return self.tensor([])

    def sizes(self, *, has_null: bool) -> dict[str, int]:
        """Return nothing."""
        return {}

    def columns(self, labels: Sequence[Label] | None) -> int:
        """Return 1."""
        return 1

    def arrays(self, labels: Sequence[Label]) -> dict[str, Any]:
        """Return nothing."""
        return {}


@final
@dataclass(frozen=True)
class ClassLabels(LabelKind):
    """Classes by number; the number after the last one stands for none.

    Attributes:
        names: name of each.
        unnamed: the name of what stands for none.
    """

    names: tuple[str, ...]
    unnamed: str = "no class"

    def __post_init__(self) -> None:
        """Set what stands for no label."""
        object.__setattr__(self, "null", len(self.names))

    def read(self, labels: Labels | None, option: str = "labels") -> list[Label] | None:
        """Take names, numbers and ranges, see ``class_numbers``."""
        return _listed(class_numbers(labels, self.names, option))

    def every(self) -> list[Label]:
        """Return every class."""
        return list(range(len(self.names)))

    def tensor(self, labels: Sequence[Label]) -> Tensor:
        """Return numbers, int64 [n]."""
        return torch.tensor(list(labels), dtype=torch.int64)

    def labels_of(self, y: Tensor) -> list[Label]:
        """Return numbers."""
        return list(y.tolist())

    def classes_in(self, y: Tensor) -> Tensor | None:
        """Return all."""
        return y

    def nothing(self, count: int) -> Tensor:
        """Return the number after the last class."""
        return torch.full((count,), len(self.names))

    def sizes(self, *, has_null: bool) -> dict[str, int]:
        """Return the number of classes, with that which is none."""
        return {"num_classes": len(self.names) + has_null}

    def columns(self, labels: Sequence[Label] | None) -> int:
        """Return the number of labels in turn."""
        return len(self.every() if labels is None else labels)

    def arrays(self, labels: Sequence[Label]) -> dict[str, Any]:
        """Return numbers and the names that they number."""
        numbers = np.asarray(labels, dtype=np.int64)
        none = [self.unnamed] if numbers.max() == len(self.names) else []
        return {"labels": numbers, "class_names": np.asarray([*self.names, *none])}


@final
@dataclass(frozen=True)
class ValueLabels(LabelKind):
    """Numbers, of which some or all may be missing.

    Attributes:
        attributes: what they are, and their scale.
    """

    attributes: Attributes
    null = math.nan

    @property
    def told_besides_classes(self) -> str:
        """Names of the numbers."""
        return listed(self.attributes.names)

    def read(self, labels: Labels | None, option: str = "labels") -> list[Label] | None:
        """Take labels in turn: numbers by name or in order; None, NaN or "none" for one that is missing.

        A text has a semicolon between labels and commas within: "age=63,dose=2;age=20" or "63,2;20,none"; where a label
        is one number, commas do between labels, too. A value is a number, a sequence of numbers, or of such sequences,
        or of numbers by name.
        """
        return None if labels is None else list(read_rows(self.attributes.names, labels, option))

    def every(self) -> list[Label]:
        """Return labels of training samples."""
        return list(self.attributes.examples)

    def tensor(self, labels: Sequence[Label]) -> Tensor:
        """Return standardised numbers, float32 [n, k]; NaN is missing."""
        values = np.array([list(row) if isinstance(row, tuple) else [row] for row in labels], dtype=np.float64)
        return torch.from_numpy(self.attributes.standardize(values.reshape(len(labels), -1)))

    def labels_of(self, y: Tensor) -> list[Label]:
        """Return numbers in their own units."""
        return list(map(tuple, self.attributes.restore(y.cpu().numpy()).tolist()))

    def nothing(self, count: int) -> Tensor:
        """Return missing numbers."""
        return torch.full((count, len(self.attributes.names)), math.nan)

    def sizes(self, *, has_null: bool) -> dict[str, int]:
        """Return how many numbers a label has; what is missing needs no place of its own."""
        return {"num_attributes": len(self.attributes.names)}

    def columns(self, labels: Sequence[Label] | None) -> int:
        """Return the number of labels that were asked for; those of the data are too many."""
        return 1 if labels is None else len(labels)

    def arrays(self, labels: Sequence[Label]) -> dict[str, Any]:
        """Return the numbers and their names."""
        return {"attributes": np.array(labels), "attribute_names": np.array(self.attributes.names)}


def _listed(numbers: list[int] | None) -> list[Label] | None:
    return None if numbers is None else list(numbers)
