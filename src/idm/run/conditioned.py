"""What samples of a trained model are conditioned on: their classes, by name or number, or no class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from idm.core.errors import SettingsError
from idm.run.build import null_label
from idm.run.label_kinds import Label
from idm.run.labels import Labels
from idm.run.loaded import Loaded


@dataclass(frozen=True, eq=False, repr=False)
class Conditioned(Loaded):
    """A trained model, and the classes that it knows."""

    def label_kwargs(self, labels: Labels | None, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples: labels repeated in turn; every class in turn if None.

        Args:
            labels: names or numbers of classes, such as ["roses", 3]; see ``class_numbers``.
            count: how many samples.

        Raises:
            SettingsError: a label that is no class, or labels for a network without classes.
        """
        kind = self.spec.label_kind
        chosen = kind.read(labels)
        values = kind.every() if chosen is None else chosen
        if not kind.is_told:
            return {}
        return {"y": kind.tensor([values[i % len(values)] for i in range(count)]).to(self.device)}

    def unlabelled_kwargs(self, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples of no class; nothing for a network without classes.

        Raises:
            SettingsError: the network was trained with classes but without label dropout.
        """
        if not self.spec.label_kind.is_told:
            return {}
        self._null_label("no class")
        return {"y": self.spec.label_kind.nothing(count).to(self.device)}

    def conditioning(
        self, asked: Sequence[Label] | None, known: Sequence[Label | None], option: str = "labels=CLASSES"
    ) -> dict[str, Tensor]:
        """Return the conditioning of samples: the classes asked for in turn, else those known, else no class.

        Args:
            asked: numbers of classes.
            known: class of each sample, None where it has none.
            option: how a caller gives those asked for.

        Raises:
            SettingsError: a sample without a known class, and a network that knows classes only.
        """
        count, kind = len(known), self.spec.label_kind
        if asked is not None or not kind.is_told:
            return self.label_kwargs(asked, count)
        there = [label for label in known if label is not None]
        if len(there) == count:
            return {"y": kind.tensor(there).to(self.device)}
        try:
            y = self.unlabelled_kwargs(count)["y"]
        except SettingsError as error:
            raise SettingsError(f"samples: the class of each wanted, got none; name it with {option}") from error
        if there:
            y[[label is not None for label in known]] = kind.tensor(there).to(y)
        return {"y": y}

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

    def _null_label(self, wanted: str) -> int | float:
        label = null_label(self.experiment, self.spec)
        if label is None:
            raise SettingsError(
                f"{wanted}: this network was trained without label dropout and knows classes only "
                "(training.label_dropout above 0 makes it possible)"
            )
        return label
