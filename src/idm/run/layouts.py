"""Arrays of a user's own, in whichever order of axes they come."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import LAYOUTS


def arranged(
    data: NDArray[Any], shape: tuple[int, ...], layout: str, what: str, *, wanted: str, advice: str = ""
) -> NDArray[Any]:
    """Bring one sample or several, in any of the layouts that arrays may have, to [n, *shape].

    Args:
        data: as they came.
        shape: of one of them [c, *space].
        layout: the first one that is tried, where several fit.
        what: what messages call them.
        wanted: what is wanted in words, with the shape in the place of {}, such as "samples of shape {} wanted".
        advice: what to do with data of another shape.

    Raises:
        DataError: no real numbers, or another shape.
    """
    if data.dtype.kind not in "buif":
        raise DataError(f"{what}: real numbers wanted, got {data.dtype}; convert them")
    for rule in sorted(LAYOUTS.values(), key=lambda rule: rule.name != layout):
        if rule.num_channel_axes == 0 and (shape[0] > 1 or len(shape) == 1):
            continue
        here = rule.restore(np.empty((1, *shape), dtype=bool)).shape[1:]
        several = data[None] if data.shape == here else data
        if several.shape[1:] == here and len(several) > 0:
            return rule.arrange(several)
    end = f"; {advice}" if advice else ""
    raise DataError(f"{what}: {wanted.format(shape)}, got {data.shape}{end}")
