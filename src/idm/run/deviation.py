"""How far the values of data scatter in the model's range."""

import math

import numpy as np

from idm.core.errors import SettingsError
from idm.data import Dataset

MOST_SAMPLES, SAMPLES_AT_ONCE = 4096, 64
"""Samples that are looked at, evenly among all; and how many are read together."""

KEPT_DIGITS = 4
"""What is kept of the deviation: more would depend on the order of the sum."""


def standard_deviation(data: Dataset) -> float:
    """Return the standard deviation of all values of a data set about their mean, to four digits.

    Raises:
        SettingsError: the values are all the same.
        DataError: samples cannot be read.
    """
    places = np.unique(np.linspace(0, len(data) - 1, min(len(data), MOST_SAMPLES)).round().astype(np.int64))
    number, total, squares = 0, 0.0, 0.0
    for first in range(0, len(places), SAMPLES_AT_ONCE):
        x = data.batch(places[first : first + SAMPLES_AT_ONCE])[0].double()
        number, total, squares = number + x.numel(), total + float(x.sum()), squares + float(x.square().sum())
    deviation = math.sqrt(max(0.0, squares / number - (total / number) ** 2))
    if float(f"{deviation:.1e}") < 1e-6:
        raise SettingsError(
            "diffusion.sigma_data: data whose values differ wanted, got ones that are all the same; give a number, or "
            "choose another prediction"
        )
    return float(f"{deviation:.{KEPT_DIGITS}g}")
