"""What a network is told of samples besides their noisy values: classes, numbers, or nothing."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from idm.data.attributes import Attributes, Row
from idm.data.remarks import listed
from idm.run.condition_spec import Field
from idm.run.labels import Labels, class_numbers
from idm.run.number_labels import read_rows

Label = int | Row | Field
"""The number of a class, or the numbers that a sample is labelled with, in their own units, where NaN is missing; or
its condition."""


class LabelKind(ABC):
    """A kind of labels.

    Attributes:
        null: stands for no label in the tensor of labels; None where there are no labels.
        key: name of the network's argument.
        noun: what one is called in messages.
        nouns: the same of several.
        option: how callers give them.
        are_fields: whether they are conditions, which callers give apart from labels.
    """

    null: int | float | None = None
    key: ClassVar[str] = "y"
    noun: ClassVar[str] = "class"
    nouns: ClassVar[str] = "classes"
    option: ClassVar[str] = "labels=CLASSES"
    are_fields: ClassVar[bool] = False

    @property
    def told_besides_classes(self) -> str:
        """What the network is told, in words, where that is no class; "" otherwise."""
        return ""

    @property
    def is_told(self) -> bool:
        """Whether the network is told labels."""
        return self.null is not None

    def given(self, y: Tensor | None) -> dict[str, Tensor]:
        """Return what a network is called with beside samples of these labels; None: of none."""
        return {} if y is None else {self.key: y}

    def told_in(self, conditioning: Mapping[str, Tensor]) -> Tensor | None:
        """Undo ``given``."""
        return conditioning.get(self.key)

    @abstractmethod
    def read(self, labels: Labels | None, option: str = "labels") -> "list[Label] | None":
        """Understand labels as people give them; None where nothing was asked for.

        Raises:
            SettingsError: what is no label of this kind, in a line each.
        """

    @abstractmethod
    def every(self) -> "list[Label]":
        """Return the labels that samples have in turn where nobody asks for others."""

    @abstractmethod
    def tensor(self, labels: "Sequence[Label]") -> Tensor:
        """Return labels as the network is told them, one row or number each."""

    @abstractmethod
    def labels_of(self, y: Tensor) -> "list[Label]":
        """Undo ``tensor``."""

    @abstractmethod
    def nothing(self, count: int) -> Tensor:
        """Return what stands for no label, ``count`` times."""

    @abstractmethod
    def sizes(self, *, has_null: bool) -> dict[str, int]:
        """Return what a network is built with; ``has_null``: told of samples without a label, too."""

    @abstractmethod
    def columns(self, labels: "Sequence[Label] | None") -> int:
        """Return how many columns of a grid have a label of their own, where these are asked for in turn."""

    @abstractmethod
    def arrays(self, labels: "Sequence[Label]") -> dict[str, Any]:
        """Return the arrays that labels are stored as."""


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


def plain_labels(labels: Sequence[Label | None]) -> list[Any]:
    """Return JSON-able values that tell labels from others: of conditions their hashes."""
    return [label.sha256 if isinstance(label, Field) else label for label in labels]


def _listed(numbers: list[int] | None) -> list[Label] | None:
    return None if numbers is None else list(numbers)
