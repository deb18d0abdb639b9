"""How often chance makes a number as bad as one that was found, and which of several are worse than that."""

import math
from collections.abc import Sequence

import numpy as np

from idm.metrics.figure import Better, Figure, Null

ENOUGH_AS_BAD = 20
"""Numbers as bad as the one that was found after which no others need to be drawn."""

USUAL_LEVEL = 0.04
"""How often real data may have any figure that is named: less than in one case of twenty, to leave room for samples
that are not dealt quite as the rule wants."""

ROUNDING = 1e-9
"""Share of their usual size that two numbers are apart by rounding alone."""


def null_of(better: Better, value: float, exchanged: np.ndarray, real: np.ndarray) -> Null:
    """Say what real data have, and how often chance makes a number as bad as a value.

    Args:
        better: where the value should lie.
        value: that of the samples.
        exchanged: numbers of samples and real data that changed places.
        real: numbers of real data in the place of samples.
    """
    lower, upper = np.quantile(real, (0.025, 0.975)).tolist() if np.isfinite(real).all() else (math.nan, math.nan)
    return Null(float(real.mean()), lower, upper, len(real), p_value_of(better, value, exchanged))


def p_value_of(better: Better, value: float, drawn: np.ndarray, enough: int = ENOUGH_AS_BAD) -> float:
    """Return the share of numbers that are as bad as a value, itself among them; nan where any is not finite.

    Where as many as are enough are as bad, it is their share of those that were drawn until then. If all of them, and
    the value, are alike before anything is known, it is a or less with a probability of a or less.

    Args:
        better: where the value should lie.
        value: that of the samples.
        drawn: those that it is compared with, in the order that they were drawn in.
        enough: how many that are as bad are enough, 1 at the least.
    """
    if not np.isfinite([value, *drawn]).all():
        return math.nan
    above, below = (_share(side, enough) for side in _as_bad(value, drawn))
    return {Better.LOWER: above, Better.HIGHER: below, Better.NEAR_NULL: min(1.0, 2.0 * min(above, below))}[better]


def _as_bad(value: float, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say which numbers are as large as a value, and which as small.

    Those that are the same but for rounding are both: to lose half of such ties would make p-values too small.
    """
    close = ROUNDING * float(np.median(np.abs([value, *drawn])))
    return drawn >= value - close, drawn <= value + close


def _share(as_bad: np.ndarray, enough: int) -> float:
    places = np.flatnonzero(as_bad)
    return enough / (int(places[enough - 1]) + 1) if len(places) >= enough else (len(places) + 1) / (len(as_bad) + 1)


def is_known(better: Better, value: float, drawn: np.ndarray) -> bool:
    """Whether enough numbers are as bad as a value; of a value that may be bad either way, on both sides."""
    if not np.isfinite([value, *drawn]).all():
        return False
    above, below = (int(side.sum()) for side in _as_bad(value, drawn))
    return {Better.LOWER: above, Better.HIGHER: below, Better.NEAR_NULL: min(above, below)}[better] >= ENOUGH_AS_BAD


def worse_than_chance(figures: Sequence[Figure], level: float = USUAL_LEVEL) -> list[Figure]:
    """Return the figures that are worse than those of real data, after Holm (1979): all are right in 96 % of cases.

    Args:
        figures: of any metrics; those without a null, or of no number, count for nothing.
        level: how often real data may have any figure that is returned.
    """
    nulls = [(figure.null.p_value, figure) for figure in figures if figure.null is not None]
    known = [one for one in nulls if math.isfinite(one[0])]
    found: list[Figure] = []
    for place, (p_value, figure) in enumerate(sorted(known, key=lambda one: one[0])):
        if p_value * (len(known) - place) > level:
            break
        found.append(figure)
    return found
