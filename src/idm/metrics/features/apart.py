"""Features that are fitted to some real samples, and compared on others.

Directions along which some samples vary most are those along which they vary more than others do, the more so the more
values they have. Real samples that features were fitted to are thus unlike all others, samples of a perfect model among
them: compared with these, their null would lie on the wrong side.
"""

import numpy as np
from numpy.typing import NDArray

from idm.core.rng import derive_seed

MOST_FITTED = 2_000
"""Samples that features are fitted to, at the most."""


def fitted_and_compared(number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Deal the numbers of samples at random, which are the same ones every time.

    Returns:
        Half of them, at most 2,000, to fit features to, and all others, to compare; both growing.
    """
    order = np.random.default_rng(derive_seed(number, "features apart")).permutation(number)
    count = min(number // 2, MOST_FITTED)
    return np.sort(order[:count]), np.sort(order[count:])
