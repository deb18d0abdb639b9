"""Samples that agree with observations, as data came."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idm.run.draws import CLASSES, EFFECTIVE, SAMPLES, Part
from idm.run.opened import Opened


@dataclass(frozen=True, eq=False)
class Restored:
    """Samples that agree with observations, in the units, the type and the order of axes of the data.

    Attributes:
        draws: [n, num, ...], ``num`` of each observation.
        mean: of the draws of each observation [n, ...], float64.
        std: standard deviation of them, likewise; 0 where there is one draw.
        effective: effective sample size of the particles that each was drawn from in the end, as a share of them
            [n, num]; None where there are no particles.
        classes: number of the class that each was drawn as [n, num], where classes were found; None elsewhere.
    """

    draws: NDArray[Any]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    effective: NDArray[np.float64] | None = None
    classes: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, run: Opened, found: Part, num: int, kept: Tensor | None = None) -> "Restored":
        """Summarise what ``draw_all`` drew, ``num`` of each observation.

        Args:
            run: the run.
            found: what was drawn.
            num: draws of each.
            kept: what was seen without noise, as of ``Draws.kept``: it is written over draws, which have rounding.
        """
        data = run.spec.restore(run.spec.codec.decode(found[SAMPLES]))
        draws = data.reshape(-1, num, *data.shape[1:])
        values = draws.astype(np.float64)
        std = values.std(axis=1, ddof=1) if num > 1 else np.zeros_like(values[:, 0])
        mean = values.mean(axis=1)
        if kept is not None:
            exact = run.spec.restore(kept.numpy())
            is_exact = ~np.isnan(exact)
            whole = np.rint(exact) if data.dtype.kind in "iu" else exact
            draws = np.where(is_exact[:, None], np.where(is_exact, whole, 0).astype(data.dtype)[:, None], draws)
            mean, std = np.where(is_exact, exact, mean), np.where(is_exact, 0.0, std)
        effective = found.get(EFFECTIVE)
        shares = None if effective is None else effective.double().numpy().reshape(-1, num)
        classes = None if CLASSES not in found else found[CLASSES].long().numpy().reshape(-1, num)
        return cls(draws, mean, std, shares, classes)
