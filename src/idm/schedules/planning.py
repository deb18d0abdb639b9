"""Which levels a walk of few steps should visit, if it is known what each step costs: a shortest path.

The cost of a walk is that of its first step, into the noisiest level that it visits, those of the steps between
neighbours, and that of the last step, to clean data. With so many levels to visit, the best walk is found exactly by
dynamic programming (Watson et al. 2021, Learning to Efficiently Sample from Diffusion Probabilistic Models).
"""

import numpy as np

from idm.core.errors import SettingsError
from idm.schedules.table import Float64


def cheapest_walk(last: Float64, between: Float64, first: Float64, count: int) -> list[int]:
    """Return the places [count] of the walk of least cost, growing, in O(count T^2).

    Args:
        last: cost of the step from a place to clean data [T].
        between: cost [T, T] of the step from a place (second axis) down to a lower one (first axis); others are not
            read.
        first: cost of beginning at a place [T].
        count: how many places to visit, from 1 to T.

    Raises:
        SettingsError: another count.
    """
    number = len(last)
    if not 1 <= count <= number:
        raise SettingsError(f"steps: a number from 1 to {number} wanted, got {count}")
    up = np.where(np.arange(number)[:, None] < np.arange(number), between, np.inf)
    cost, before = last, np.zeros((count, number), dtype=np.int64)
    for k in range(1, count):
        ways = cost[:, None] + up
        before[k] = ways.argmin(axis=0)
        cost = ways[before[k], np.arange(number)]
    walk = [int((cost + first).argmin())]
    for k in range(count - 1, 0, -1):
        walk.append(int(before[k, walk[-1]]))
    return walk[::-1]
