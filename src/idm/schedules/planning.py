"""Which levels a walk of few steps visits where the cost of every step is known: the cheapest path of so many edges.

Dynamic programming over the number of steps (Watson et al. 2021, section 4; Chen et al. 2024, section 3.3).
"""

import numpy as np

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.schedules.table import Float64


def cheapest_places(costs: Float64, count: int) -> list[int]:
    """Choose ``count`` of n levels, the noisiest one always, so that the steps from it to clean data cost least in sum.

    Args:
        costs: of a step from level i to level j - 1 [n, n + 1], j = 0 being clean data; those with j > i are not read.
        count: steps, the last one to clean data included.

    Returns:
        Places of the levels, growing.

    Raises:
        SettingsError: no steps, or more than there are levels.
    """
    number = len(costs)
    if not 1 <= whole_number(count, "steps") <= number:
        raise SettingsError(f"steps: a number from 1 to {number:,}, of the levels to choose from, wanted, got {count}")
    between = np.where(np.tri(number, k=-1, dtype=bool), costs[:, 1:], np.inf)
    least, nexts = costs[:, 0], list[np.ndarray]()  # of the steps to clean data, from every level
    for _ in range(count - 1):
        totals = between + least
        nexts.append(totals.argmin(axis=1))
        least = totals[np.arange(number), nexts[-1]]
    places = [number - 1]
    for chosen in reversed(nexts):
        places.append(int(chosen[places[-1]]))
    return places[::-1]
