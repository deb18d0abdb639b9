"""What a network is told of samples besides their noisy values: what every kind of labels has.

The kinds are in ``label_kinds``, ``field_labels`` and ``labelled_fields``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.data.attributes import Row
from idm.run.condition_spec import Field, LabelledField
from idm.run.labels import Labels

Label = int | Row | Field | LabelledField
"""The number of a class, or the numbers that a sample is labelled with, in their own units, where NaN is missing; its
condition; or one of the first with a condition."""

Fields = npt.ArrayLike | Sequence[Label]
"""Conditions as people give them, or as they were read."""


class LabelKind(ABC):
    """A kind of labels.

    Attributes:
        null: stands for no label in the tensor of labels; None where there are no labels.
        key: name of the network's argument.
        noun: what one is called in messages.
        nouns: the same of several.
        option: how callers give them.
        are_fields: whether there are conditions among them, which callers give apart from labels.
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

    def without(self, y: Tensor) -> Tensor:
        """Return what the network is told of the same samples where their labels are left out, as guidance needs it."""
        return torch.full_like(y, self.null or 0)

    def classes_in(self, y: Tensor) -> Tensor | None:
        """Return the classes among what is told, int64 [n]; None where these are none."""
        return None

    def in_turn(
        self, asked: "Sequence[Label] | None", usual: "Callable[[], Sequence[Label]]", numbers: Sequence[int]
    ) -> "list[Label]":
        """Return the labels of samples of those numbers: those asked for in turn, or else the usual ones."""
        values = usual() if asked is None else asked
        return [values[number % len(values)] for number in numbers]

    def laid_over(self, asked: "Sequence[Label] | None", known: "Sequence[Label | None]") -> "Sequence[Label | None]":
        """Return the label of each sample: those asked for in turn, or else what is known of it; None: nothing."""
        return known if asked is None else [asked[row % len(asked)] for row in range(len(known))]

    def one_of_each(self, asked: "Sequence[Label]") -> int:
        """Return how many samples have every one of the labels that are asked for in turn."""
        return len(asked)

    def with_class(self, label: "Label | None", number: int) -> "Label":
        """Return a label with the class of that number in the place of its own, or of none."""
        return number

    def lacks(self, label: "Label | None") -> bool:
        """Whether something is left out that may stand for no label only where that was trained."""
        return label is None

    def asked(self, labels: Labels | None, condition: Fields | None) -> Labels | None:
        """Return what is asked for, as ``read`` takes it.

        Args:
            labels: classes or numbers; None: nothing was asked for.
            condition: fields, in their own units; None: nothing was asked for.

        Raises:
            SettingsError: conditions for a network that is told none, or labels for one that is told conditions alone.
        """
        if condition is not None:
            raise SettingsError("condition: none wanted, this network was trained without conditions; leave it out")
        return labels

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


def field_of(label: Label | None) -> Field | None:
    """Return the condition in a label; None where there is none."""
    if isinstance(label, LabelledField):
        return label.field
    return label if isinstance(label, Field) else None


def class_of(label: Label | None) -> int | None:
    """Return the number of the class in a label; None where there is none."""
    told = label.label if isinstance(label, LabelledField) else label
    return told if isinstance(told, int) else None


def refuse_more_fields(labels: Sequence[Label] | None, count: int) -> None:
    """Refuse more conditions than there are samples for them.

    Raises:
        SettingsError: there are.
    """
    given = len({id(field) for label in labels or () if (field := field_of(label)) is not None})
    if given > count:
        raise SettingsError(
            f"condition: as many conditions as observations, {count:,}, or one for all, wanted, got {given:,}; give "
            "those of these observations"
        )


def plain_labels(labels: Sequence[Label | None]) -> list[Any]:
    """Return JSON-able values that tell labels from others: of conditions their hashes."""
    return [_plain(label) for label in labels]


def _plain(label: Label | None) -> Any:
    if isinstance(label, LabelledField):
        return [label.label, _plain(label.field)]
    return label.sha256 if isinstance(label, Field) else label
