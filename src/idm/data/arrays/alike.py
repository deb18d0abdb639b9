"""Files that hold one sample each must be of one shape and dtype."""

from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError

Kind = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape and dtype of what a file holds."""


def refuse_unlike(path: Path, found: Kind, first: Kind, first_name: str) -> None:
    """Refuse a file of another shape or dtype than the first of all has.

    Raises:
        DataError: it has.
    """
    if found != first:
        (shape, dtype), (other_shape, other) = first, found
        raise DataError(
            f"{path}: shape {shape}, {dtype}, wanted as in {first_name}, got {other_shape}, {other}; bring all files "
            "to one shape and dtype"
        )
