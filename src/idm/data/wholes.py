"""What samples were cut from, such as the rasters of patches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Fewest wholes of which some are held out without being asked for, where they may be divided."""


@dataclass(frozen=True, eq=False)
class Wholes:
    """The whole that each sample was cut from.

    Attributes:
        of: its number, int64 [n].
        names: name of each whole.
        option: the setting that cuts.
        way_out: what to do where they are too few for a split, in words.
        noun: what a whole is called.
        may_be_divided: whether a list or a folder may divide them, and a split where they are fewer than ``FEWEST``;
            runs of versions that divided them go on so.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    option: str
    way_out: str
    noun: str = "group"
    may_be_divided: bool = False
