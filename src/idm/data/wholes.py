"""What samples were cut from, such as the rasters of patches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Wholes:
    """The whole that each sample was cut from.

    Attributes:
        of: its number, int64 [n].
        names: name of each whole.
        option: the setting that cuts.
        way_out: what to do where they are too few for a split, in words.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    option: str
    way_out: str
