"""The memorisation clock: errors on training samples beside those on held-out ones, always with the same noise."""

from typing import final

import numpy as np
from torch import Tensor

from idm.core.level_errors import HIGHEST_KAPPA, LOWEST_KAPPA, LevelErrors, memorised
from idm.data import Dataset
from idm.likelihood import x_start_errors
from idm.likelihood.levels import kappas_of
from idm.run.data import Data
from idm.run.levels import best_of_training, places_near, told_to
from idm.run.opened import Opened
from idm.schedules import Grid
from idm.training import TrainingSettings

NUM_LEVELS, MOST_SAMPLES, FEWEST_SAMPLES = 4, 256, 16
"""Levels of the clock, the most samples of either kind, and the fewest that tell anything."""

LARGEST_SHARE, PASSES_OF_A_STEP = 0.03, 3.0
"""Largest share of the work of training that the clock takes, and passes of the network that a step's image costs."""


def make_clock(settings: TrainingSettings, data: Data, grid: Grid) -> "MemorisationClock | None":
    """Return the clock of a training.

    None where nothing is held out, or where it would take more than its share of the work. How many samples it looks at
    is a function of the settings alone, so that all starts of a run agree.
    """
    images = min(settings.memorisation_interval, settings.num_steps) * settings.batch_size
    affordable = int(LARGEST_SHARE * PASSES_OF_A_STEP * images / (2 * NUM_LEVELS))
    number = min(MOST_SAMPLES, affordable, len(data.held_out), data.train.num_read)
    return MemorisationClock(data, number, places_of_clock(grid)) if number >= FEWEST_SAMPLES else None


def places_of_clock(grid: Grid) -> list[int]:
    """Return the places that lie nearest to even ones, in log kappa, between the lowest and the highest."""
    step = (HIGHEST_KAPPA / LOWEST_KAPPA) ** (1.0 / NUM_LEVELS)
    return places_near(grid, LOWEST_KAPPA * step ** (np.arange(NUM_LEVELS) + 0.5))


@final
class MemorisationClock:
    """Looks at the same samples with the same noise whenever it is asked."""

    def __init__(self, data: Data, number: int, places: list[int]) -> None:
        """Take over what is looked at.

        Args:
            data: whose first training and first held-out samples.
            number: how many of either.
            places: steps of the chain.
        """
        self._data, self._number, self._places = data, number, places
        self._optimum: Tensor | None = None
        self._knows_optimum = False

    def look(self, run: Opened, batch_size: int) -> dict[str, float]:
        """Return what a line of metrics says: the share that is memorised, its error, and the excess where it is known.

        Args:
            run: the network as it is now.
            batch_size: samples per call of it.
        """
        kappa, data = kappas_of(run.diffusion, self._places), self._data
        others = LevelErrors(kappa, self._errors(run, data.held_out, batch_size))
        own = LevelErrors(kappa, self._errors(run, data.train, batch_size), optimum=self._least(run, batch_size))
        found = memorised(own, others)
        told = {"memorised": found.share.mean, "memorised_error": found.share.standard_error}
        return told if found.excess is None else told | {"excess_loss": found.excess.mean}

    def _errors(self, run: Opened, dataset: Dataset, batch_size: int) -> Tensor:
        x, y = dataset.first(self._number)
        denoise = run.scoring_denoiser(y)
        return x_start_errors(run.diffusion, denoise, x.to(run.device), self._places, batch_size=batch_size)

    def _least(self, run: Opened, batch_size: int) -> Tensor | None:
        """Return the errors of the optimum, which do not change with the network: they are computed once."""
        if not self._knows_optimum and (best := best_of_training(run, self._data)) is not None:
            x, y = self._data.train.first(self._number)
            denoise = best.denoiser(told_to(best, y, run.device))
            self._optimum = x_start_errors(
                run.diffusion, denoise, x.to(run.device), self._places, batch_size=batch_size
            )
        self._knows_optimum = True
        return self._optimum
