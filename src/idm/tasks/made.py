"""What tasks tell of samples that they wrote to a folder."""

from abc import ABC
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from idm.run import Run


@dataclass(frozen=True, eq=False)
class Made(ABC):
    """Samples in a folder.

    Attributes:
        run: what made them.
        x: the samples, in the model's range.
        written: what was written, by what it is.
    """

    run: Run
    x: Tensor
    written: dict[str, Path]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that was written, in the data's own order of axes."""
        return self.run.spec.restore(self.x.numpy()).shape
