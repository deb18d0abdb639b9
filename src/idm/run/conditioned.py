"""What samples of a trained model are conditioned on: their classes, by name or number, or no class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.run.build import null_label
from idm.run.label_kind import Label, LabelKind
from idm.run.labels import Labels
from idm.run.loaded import Loaded
from idm.run.own_data import open_run_data

MOST_CONDITIONS, MOST_CONDITION_VALUES = 1024, 2**26
"""Most conditions of the data that samples are drawn for in turn, and most values of them together."""


@dataclass(frozen=True, eq=False, repr=False)
class Conditioned(Loaded):
    """A trained model, and the classes, numbers or conditions that it is told."""

    def usual_labels(self, kind: LabelKind) -> list[Label]:
        """Return the labels that samples have in turn where nobody asks for others: every class, or those of the data.

        Args:
            kind: of the labels.

        Raises:
            DataError: conditions are wanted, and the data of the run cannot be opened.
        """
        return self._conditions if kind.are_fields else kind.every()

    @cached_property
    def _conditions(self) -> list[Label]:
        """Conditions of held-out samples; of those that were trained on where none are held out."""
        assert self.spec.condition is not None
        most = max(1, min(MOST_CONDITIONS, MOST_CONDITION_VALUES // math.prod(self.spec.shape)))
        try:
            data = self.data or open_run_data(self)
        except DataError as error:
            *lines, last = error.lines
            raise DataError(*lines, f"{last}; or draw for conditions of your own, with condition=FIELDS") from error
        part = data.held_out if len(data.held_out) else data.train
        y = part.first(most)[1]
        assert y is not None, "the data have conditions"
        return self.spec.label_kind.labels_of(y)

    def label_kwargs(self, labels: Labels | None, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples: labels repeated in turn; every class in turn if None.

        Args:
            labels: names or numbers of classes, such as ["roses", 3]; see ``class_numbers``.
            count: how many samples.

        Raises:
            SettingsError: a label that is no class, or labels for a network without classes.
        """
        kind = self.spec.label_kind
        y = self.in_turn(kind, kind.read(labels), count)
        return {} if y is None else kind.given(y)

    def in_turn(self, kind: LabelKind, asked: Sequence[Label] | None, count: int) -> Tensor | None:
        """Return labels of ``count`` samples, those asked for in turn, or else the usual ones; None: there are none.

        Args:
            kind: of the labels.
            asked: as ``kind.read`` returns them.
            count: how many samples.
        """
        if not kind.is_told:
            return None
        return kind.tensor(kind.in_turn(asked, lambda: self.usual_labels(kind), range(count))).to(self.device)

    def unlabelled_kwargs(self, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples of no class; nothing for a network without classes.

        Raises:
            SettingsError: the network was trained with classes but without label dropout.
        """
        if not self.spec.label_kind.is_told:
            return {}
        self._null_label(f"no {self.spec.label_kind.noun}")
        return self.spec.label_kind.given(self.spec.label_kind.nothing(count).to(self.device))

    def conditioning(
        self, asked: Sequence[Label] | None, known: Sequence[Label | None], option: str | None = None
    ) -> dict[str, Tensor]:
        """Return the conditioning of samples: the classes asked for in turn, else those known, else no class.

        Args:
            asked: numbers of classes.
            known: class of each sample, None where it has none.
            option: how a caller gives those asked for, where not by the usual name.

        Raises:
            SettingsError: a sample without a known class, and a network that knows classes only.
        """
        kind = self.spec.label_kind
        if not kind.is_told:
            return self.label_kwargs(asked, len(known))
        labels = kind.laid_over(asked, known)
        if any(map(kind.lacks, labels)):
            try:
                self._null_label(f"no {kind.noun}")
            except SettingsError as error:
                wanted = f"samples: the {kind.noun} of each wanted, got none; name it with {option or kind.option}"
                raise SettingsError(wanted) from error
        there = [label for label in labels if label is not None]
        y = kind.tensor(there) if len(there) == len(labels) else kind.nothing(len(labels))
        if 0 < len(there) < len(labels):
            y[[label is not None for label in labels]] = kind.tensor(there)
        return kind.given(y.to(self.device))

    def require_guidance(self, scale: float) -> int | float:
        """Return what stands for no label, which guidance needs.

        Raises:
            SettingsError: no such scale, or the network was trained without label dropout, or without labels.
        """
        if not math.isfinite(scale):
            raise SettingsError(f"guidance: a finite number wanted, got {scale}")
        if not self.spec.label_kind.is_told:
            self.require_classes(f"guidance={scale}")
        return self._null_label(f"guidance={scale}")

    def require_classes(self, wanted: str) -> int:
        """Return the number of classes.

        Raises:
            SettingsError: the network was trained without classes, which ``wanted`` needs.
        """
        if self.spec.num_classes is None:
            raise SettingsError(f"{wanted}: a network trained with classes wanted, this one was trained without")
        return self.spec.num_classes

    def require_classes_alone(self, option: str) -> None:
        """See that the network is told classes, or nothing, as a classifier wants it.

        Raises:
            SettingsError: it is told numbers or conditions.
        """
        if told := self.spec.label_kind.told_besides_classes:
            raise SettingsError(
                f"{option}: a run that is told classes, or nothing, wanted, got one that is told {told}; take "
                "guidance=2 in its place"
            )

    def _null_label(self, wanted: str) -> int | float:
        label = null_label(self.experiment, self.spec)
        if label is None:
            raise SettingsError(
                f"{wanted}: this network was trained without label dropout and knows {self.spec.label_kind.nouns} only "
                "(training.label_dropout above 0 makes it possible)"
            )
        return label
