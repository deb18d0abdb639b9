"""Labels that are conditions: the fields that a network is shown beside samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.progress import warn
from idm.data.arrays.axes import LAYOUTS
from idm.networks.needs import CONDITION
from idm.run.condition_spec import ConditionSpec, Field
from idm.run.label_kind import Fields, Label, LabelKind
from idm.run.labels import Labels
from idm.run.layouts import arranged


@final
@dataclass(frozen=True)
class FieldLabels(LabelKind):
    """Conditions; zeros in the model's range stand for none.

    Attributes:
        spec: what is known of them.
    """

    spec: ConditionSpec
    null = 0.0
    key = CONDITION
    noun = CONDITION
    nouns = "conditions"
    option = "condition=FIELDS"
    are_fields = True

    @property
    def told_besides_classes(self) -> str:
        """Conditions."""
        return self.nouns

    def asked(self, labels: Labels | None, condition: Fields | None) -> Labels | None:
        """Take conditions alone."""
        if labels is not None:
            raise SettingsError("labels: none wanted, this network is told conditions; give condition=FIELDS instead")
        return cast(Labels | None, condition)

    def read(self, labels: Labels | None, option: str = CONDITION) -> list[Label] | None:
        """Take one condition or several, in the data's own units, in any layout that arrays may have.

        Raises:
            SettingsError: no arrays of numbers.
            DataError: another shape, or values that are not finite.
        """
        if labels is None:
            return None
        if isinstance(labels, str | bytes):
            raise SettingsError(f"{option}: fields of shape {self.spec.shape} wanted, got {labels!r}; give an array")
        given = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else labels
        several = list(given) if isinstance(given, Sequence) else []
        fields = [one for one in several if isinstance(one, Field)]
        if fields and len(fields) == len(several):
            return list(fields)
        return [Field(values) for values in self._arranged(given, option)]

    def every(self) -> list[Label]:
        """Return the middle of the range, which a network can be tried with; see ``Opened.every_label``."""
        return self.labels_of(self.nothing(1))

    def tensor(self, labels: Sequence[Label]) -> Tensor:
        """Return conditions in the model's range, float32 [n, k, *space]."""
        if not labels:
            return self.nothing(0)
        return self.spec.codec.encode(np.stack([one.values for one in labels if isinstance(one, Field)]))

    def labels_of(self, y: Tensor) -> list[Label]:
        """Return conditions in their own units."""
        return [Field(values) for values in self.spec.codec.decode(y)]

    def nothing(self, count: int) -> Tensor:
        """Return zeros."""
        return torch.zeros(count, *self.spec.shape)

    def sizes(self, *, has_null: bool) -> dict[str, int]:
        """Return the number of channels; what is missing needs none of its own."""
        return {"condition_channels": self.spec.shape[0]}

    def columns(self, labels: Sequence[Label] | None) -> int:
        """Return how many are asked for, so that each column is of one."""
        return 1 if labels is None else len(labels)

    def arrays(self, labels: Sequence[Label]) -> dict[str, Any]:
        """Return the conditions as their own arrays are laid out."""
        values = np.stack([one.values for one in labels if isinstance(one, Field)])
        return {CONDITION: LAYOUTS[self.spec.layout].restore(values)}

    def _arranged(self, given: Any, option: str) -> NDArray[Any]:
        """Bring arrays to [n, k, *space], and say how far they are out of the range that is known."""
        try:
            data = np.asarray(given)
        except ValueError as error:
            raise SettingsError(f"{option}: fields of one shape wanted, got several shapes") from error
        wanted = "fields of shape {} wanted, as the run was trained on"
        found = arranged(data, self.spec.shape, self.spec.layout, option, wanted=wanted)
        if not np.isfinite(found).all():
            raise DataError(f"{option}: finite numbers wanted, got NaN or infinity; replace the values")
        try:
            self.spec.codec.encode(found)
        except DataError as error:
            raise DataError(*(line.replace("data:", f"{option}:", 1) for line in error.lines)) from error
        for remark in self.spec.codec.remarks_on(found):
            warn(remark.replace("data:", f"{option}:", 1))
        return found
