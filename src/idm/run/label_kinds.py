"""What a network is told of samples besides their noisy values: classes, numbers, or nothing."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from idm.core.counts import holds_several
from idm.core.errors import SettingsError
from idm.core.text import shown
from idm.data.arrays.cells import MISSING
from idm.data.attributes import LARGEST_NUMBER, Attributes, Row
from idm.data.remarks import listed
from idm.run.labels import Labels, class_numbers

Label = int | Row
"""The number of a class, or the numbers that a sample is labelled with, in their own units; NaN is missing."""


class LabelKind(ABC):
    """A kind of labels.

    Attributes:
        null: stands for no label in the tensor of labels; None where there are no labels.
    """

    null: int | float | None = None

    @property
    def is_told(self) -> bool:
        """Whether the network is told labels."""
        return self.null is not None

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

    def read(self, labels: Labels | None, option: str = "labels") -> list[Label] | None:
        """Take labels in turn: numbers by name or in order; None, NaN or "none" for one that is missing.

        A text has a semicolon between labels and commas within: "age=63,dose=2;age=20" or "63,2;20,none"; where a label
        is one number, commas do between labels, too. A value is a number, a sequence of numbers, or of such sequences,
        or of numbers by name.
        """
        if labels is None:
            return None
        given = self._texts(labels) if isinstance(labels, str) else labels
        if isinstance(given, Mapping) or not holds_several(given):
            given = [given]
        every = list(given)
        has_rows = any(isinstance(row, str) or holds_several(row) for row in every)
        if len(self.attributes.names) > 1 and every and not has_rows:
            every = [every]  # the numbers of one label
        found = [self._row(row, option) for row in every]
        if not found:
            raise SettingsError(f"{option}: at least one label wanted, got none; leave it out for those of the data")
        return list(found)

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

    def _texts(self, text: str) -> list[Any]:
        """Take a text apart: a list or a mapping of texts for each label."""
        parts = [part for part in text.split(";") if part.strip()]
        if len(self.attributes.names) == 1:
            parts = [piece for part in parts for piece in part.split(",")]
        return [self._named(part) if "=" in part else part.split(",") for part in parts]

    def _named(self, part: str) -> dict[str, str]:
        pairs = (piece.partition("=") for piece in part.split(","))
        return {name.strip(): value for name, _, value in pairs}

    def _row(self, given: Any, option: str) -> Row:
        names = self.attributes.names
        wanted = f"{option}: numbers of {listed(names)} wanted"
        if isinstance(given, Mapping):
            if unknown := [name for name in given if name not in names]:
                raise SettingsError(f"{wanted}, got {shown(unknown[0])}; name those that the run was trained on")
            given = [given.get(name) for name in names]
        row: list[Any] = list(given) if not isinstance(given, str) and holds_several(given) else [given]
        if len(row) != len(names):
            raise SettingsError(f"{wanted}, got {len(row)} of them; give {len(names)}, or say NAME=NUMBER")
        try:
            values = tuple(math.nan if _is_missing(value) else float(value) for value in row)
        except (TypeError, ValueError, OverflowError) as error:
            raise SettingsError(f"{wanted}, got {shown(given)}; write none for what is not known") from error
        if any(abs(value) > LARGEST_NUMBER for value in values):
            raise SettingsError(
                f"{wanted}, got {shown(given)}, beyond {LARGEST_NUMBER:g}; write none for what is not known"
            )
        return values


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in MISSING)


def _listed(numbers: list[int] | None) -> list[Label] | None:
    return None if numbers is None else list(numbers)


def kind_of(class_names: tuple[str, ...] | None, attributes: Attributes | None = None) -> LabelKind:
    """Return the kind of labels of a network that is told these classes, or these numbers, or nothing."""
    if attributes is not None:
        return ValueLabels(attributes)
    return NoLabels() if class_names is None else ClassLabels(class_names)
