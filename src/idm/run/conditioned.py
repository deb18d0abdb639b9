"""What samples of a trained model are conditioned on: their classes, by name or number, or no class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.run.build import null_label
from idm.run.labels import Labels, class_numbers
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
        chosen = class_numbers(labels, self.spec.class_names)
        if self.spec.num_classes is None:
            return {}
        values = list(range(self.spec.num_classes)) if chosen is None else chosen
        repeated = [values[i % len(values)] for i in range(count)]
        return {"y": torch.tensor(repeated, device=self.device)}

    def unlabelled_kwargs(self, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples of no class; nothing for a network without classes.

        Raises:
            SettingsError: the network was trained with classes but without label dropout.
        """
        if self.spec.num_classes is None:
            return {}
        return {"y": torch.full((count,), self._null_label("no class"), device=self.device)}

    def conditioning(
        self, asked: Sequence[int] | None, known: Sequence[int | None], option: str = "labels=CLASSES"
    ) -> dict[str, Tensor]:
        """Return the conditioning of samples: the classes asked for in turn, else those known, else no class.

        Args:
            asked: numbers of classes.
            known: class of each sample, None where it has none.
            option: how a caller gives those asked for.

        Raises:
            SettingsError: a sample without a known class, and a network that knows classes only.
        """
        count = len(known)
        if asked is not None or self.spec.num_classes is None:
            return self.label_kwargs(asked, count)
        if None not in known:
            return {"y": torch.tensor(list(known), dtype=torch.int64, device=self.device)}
        try:
            y = self.unlabelled_kwargs(count)["y"]
        except SettingsError as error:
            raise SettingsError(f"samples: the class of each wanted, got none; name it with {option}") from error
        values = [int(none) if label is None else label for label, none in zip(known, y.tolist(), strict=True)]
        return {"y": torch.tensor(values, dtype=torch.int64, device=self.device)}

    def require_guidance(self, scale: float) -> int:
        """Return the label that stands for no class, which guidance needs.

        Raises:
            SettingsError: no such scale, or the network was trained without label dropout, or without labels.
        """
        if not math.isfinite(scale):
            raise SettingsError(f"guidance: a finite number wanted, got {scale}")
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

    def _null_label(self, wanted: str) -> int:
        label = null_label(self.experiment, self.spec)
        if label is None:
            raise SettingsError(
                f"{wanted}: this network was trained without label dropout and knows classes only "
                "(training.label_dropout above 0 makes it possible)"
            )
        return label
