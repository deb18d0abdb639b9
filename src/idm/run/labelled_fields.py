"""Labels and conditions together: a network that is told the class, or numbers, of samples beside their conditions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from idm.core.errors import SettingsError
from idm.data.attributes import Attributes
from idm.data.told_rows import ToldRows, joined
from idm.run.condition_spec import ConditionSpec, Field, LabelledField
from idm.run.field_labels import FieldLabels
from idm.run.label_kind import Fields, Label, LabelKind, field_of
from idm.run.label_kinds import ClassLabels, NoLabels, ValueLabels
from idm.run.labels import Labels


@final
@dataclass(frozen=True)
class LabelledFields(LabelKind):
    """A label and a condition of each sample; what stands for no label leaves the condition as it is.

    In tensors they are rows, see ``told_rows``.

    Attributes:
        labels: the kind of the labels.
        fields: the conditions.
    """

    labels: ClassLabels | ValueLabels
    fields: FieldLabels
    are_fields = True

    def __post_init__(self) -> None:
        """Set what stands for no label."""
        object.__setattr__(self, "null", self.labels.null)

    @property
    def told_besides_classes(self) -> str:
        """Conditions, and names of numbers."""
        return " and ".join(filter(None, (self.labels.told_besides_classes, self.fields.nouns)))

    def given(self, y: Tensor | None) -> dict[str, Tensor]:
        """Return both arguments of the network."""
        if y is None:
            return {}
        return self.labels.given(self._rows.labels_in(y)) | self.fields.given(self._rows.conditions_in(y))

    def told_in(self, conditioning: Mapping[str, Tensor]) -> Tensor | None:
        """Undo ``given``."""
        label, field = self.labels.told_in(conditioning), self.fields.told_in(conditioning)
        return None if label is None or field is None else joined(label, field)

    def without(self, y: Tensor) -> Tensor:
        """Leave the label out, and the condition in."""
        return self._rows.with_label(y, self.null or 0)

    def classes_in(self, y: Tensor) -> Tensor | None:
        """Return the classes, where labels are such."""
        return self.labels.classes_in(self._rows.labels_in(y))

    def asked(self, labels: Labels | None, condition: Fields | None) -> Labels | None:
        """Put both together, sample by sample in turn; what is not asked for is left open."""
        if labels is None and condition is None:
            return None
        told = self.labels.read(labels) or [None]
        fields = [field_of(one) for one in self.fields.read(self.fields.asked(None, condition)) or [None]]
        return [
            LabelledField(_label_of(told[row % len(told)]), fields[row % len(fields)])
            for row in range(math.lcm(len(told), len(fields)))
        ]

    def read(self, labels: Labels | None, option: str = "labels") -> list[Label] | None:
        """Take labels as they are given without conditions, or what ``asked`` returns."""
        several: list[Any] = list(labels) if isinstance(labels, Sequence) else []
        both = [one for one in several if isinstance(one, LabelledField)]
        if both and len(both) == len(several):
            return list(both)
        told = self.labels.read(labels, option)
        return None if told is None else [LabelledField(_label_of(one), None) for one in told]

    def in_turn(
        self, asked: Sequence[Label] | None, usual: Callable[[], Sequence[Label]], numbers: Sequence[int]
    ) -> list[Label]:
        """Return the labels of samples of those numbers; of what is left open, the next after each round of the rest.

        Labels that nobody asked for are every one in turn, conditions those of the data.
        """
        if asked is None:
            return super().in_turn(None, usual, numbers)
        every = [_label_of(one) for one in self.labels.every()] if _opened(asked, _label_of) else [None]
        fields = [field_of(one) for one in usual()] if _opened(asked, field_of) else [None]
        found: list[Label] = []
        for number in numbers:
            row, one = number // len(asked), asked[number % len(asked)]
            label, field = _label_of(one), field_of(one)
            label = every[row % len(every)] if label is None else label
            found.append(LabelledField(label, fields[row % len(fields)] if field is None else field))
        return found

    def laid_over(self, asked: Sequence[Label] | None, known: Sequence[Label | None]) -> Sequence[Label | None]:
        """Return the label and the condition of each sample, each that which is asked for, or else known.

        Raises:
            SettingsError: a sample without a condition.
        """
        found: list[Label | None] = []
        for row, own in enumerate(known):
            one = None if asked is None else asked[row % len(asked)]
            label, field = _label_of(one), field_of(one) or field_of(own)
            if field is None:
                raise SettingsError(
                    f"samples: the condition of each wanted, got none; name it with {self.fields.option}"
                )
            found.append(LabelledField(_label_of(own) if label is None else label, field))
        return found

    def one_of_each(self, asked: Sequence[Label]) -> int:
        """Return as many as there are labels or conditions, whichever are more, not as there are pairs of them."""
        fields = {id(field) for label in asked if (field := field_of(label)) is not None}
        return max(1, len({_label_of(one) for one in asked}), len(fields))

    def with_class(self, label: Label | None, number: int) -> Label:
        """Leave the condition as it is."""
        return LabelledField(number, field_of(label))

    def lacks(self, label: Label | None) -> bool:
        """Whether it has no label."""
        return _label_of(label) is None

    def every(self) -> list[Label]:
        """Return every label, with the middle of the range of conditions."""
        middle = field_of(self.fields.every()[0])
        return [LabelledField(_label_of(one), middle) for one in self.labels.every()]

    def tensor(self, labels: Sequence[Label]) -> Tensor:
        """Return rows; a label that is left open is none."""
        if not labels:
            return self.nothing(0)
        told = self.labels.nothing(len(labels))
        rows = [row for row, one in enumerate(labels) if not self.lacks(one)]
        if rows:
            told[rows] = self.labels.tensor([label for one in labels if (label := _label_of(one)) is not None]).to(told)
        return joined(told, self.fields.tensor([field for one in labels if (field := field_of(one)) is not None]))

    def labels_of(self, y: Tensor) -> list[Label]:
        """Return labels and conditions in their own units."""
        told = self.labels.labels_of(self._rows.labels_in(y))
        fields = self.fields.labels_of(self._rows.conditions_in(y))
        return [LabelledField(_label_of(one), field_of(field)) for one, field in zip(told, fields, strict=True)]

    def nothing(self, count: int) -> Tensor:
        """Return no label, with the middle of the range of conditions."""
        return joined(self.labels.nothing(count), self.fields.nothing(count))

    def sizes(self, *, has_null: bool) -> dict[str, int]:
        """Return those of both."""
        return self.labels.sizes(has_null=has_null) | self.fields.sizes(has_null=has_null)

    def columns(self, labels: Sequence[Label] | None) -> int:
        """Return how many pairs are asked for; those of the data are too many."""
        return 1 if labels is None else len(labels)

    def arrays(self, labels: Sequence[Label]) -> dict[str, Any]:
        """Return the arrays of both, or of that which is known."""
        told: list[Label] = [label for one in labels if (label := _label_of(one)) is not None]
        fields: list[Label] = [field for one in labels if (field := field_of(one)) is not None]
        known = self.labels.arrays(told) if len(told) == len(labels) else {}
        return known | (self.fields.arrays(fields) if len(fields) == len(labels) else {})

    @property
    def _rows(self) -> ToldRows:
        nothing: Tensor = self.labels.nothing(1)
        return ToldRows(tuple(nothing.shape[1:]), nothing.dtype, self.fields.spec.shape)


def _label_of(label: Label | None) -> int | tuple[float, ...] | None:
    """Return the class or numbers in a label; None where it has none."""
    if isinstance(label, LabelledField):
        return label.label
    return None if isinstance(label, Field) else label


def _opened(asked: Sequence[Label], part: Callable[[Label], object]) -> bool:
    return any(part(one) is None for one in asked)


def kind_of(
    class_names: tuple[str, ...] | None, attributes: Attributes | None = None, condition: ConditionSpec | None = None
) -> LabelKind:
    """Return the kind of labels of a network that is told these classes, or numbers; conditions; both, or nothing."""
    labels = ValueLabels(attributes) if attributes is not None else None
    if labels is None and class_names is not None:
        labels = ClassLabels(class_names)
    if condition is None:
        return labels or NoLabels()
    return FieldLabels(condition) if labels is None else LabelledFields(labels, FieldLabels(condition))
