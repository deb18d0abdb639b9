"""Errors over noise levels, on held-out data and on training data, as figures."""

from dataclasses import dataclass
from typing import ClassVar, final

from idm.core.level_errors import LevelErrors, memorised
from idm.core.text import counted
from idm.metrics.base import Metric
from idm.metrics.evidence import Evidence, Needs
from idm.metrics.figure import Figure


@final
@dataclass(frozen=True)
class Levels(Metric):
    """How far predictions are off at levels that lie evenly in log kappa, and how much less so on training data.

    The least loss that any network can have on its training set is that of the set's own empirical distribution, which
    returns the samples themselves; what the loss is above it is the excess (Xu et al. 2025, Estimating the
    optimal loss value). A network that generalises keeps an excess, one that memorises loses it, while its errors on
    training samples fall below those on held-out ones (Bonnaire et al. 2025).
    """

    needs: ClassVar[Needs] = Needs.LEVELS

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Return the mean errors; where there are training data, the gap, and the excess where the optimum is known."""
        found = evidence.by_level
        held_out, training = found.held_out, found.training
        over = f"{_samples(held_out)}, mean of {counted(len(held_out.kappa), 'level')}"
        figures = [
            Figure.mean_of("eps_error", held_out.eps.mean(1), note=f"mean squared error of the noise, {over}"),
            Figure.mean_of("x_start_error", held_out.x_start.mean(1), note=f"that of x_0 in [-1, 1], {over}"),
        ]
        return figures if training is None else figures + _of_memorisation(training, held_out)


def _of_memorisation(training: LevelErrors, held_out: LevelErrors) -> list[Figure]:
    """Compare errors on training and on held-out samples."""
    found, levels = memorised(training, held_out), counted(int(training.telling.sum()), "level")
    said = f"by which errors of x_0 of {_samples(training, 'training')} are below those of held-out ones, {levels}"
    figures = [Figure("train_gap", found.share.mean, found.share.standard_error, form=".1%", note=said)]
    if found.excess is not None:
        said = "of these errors above the least for the training set, in shares of the held-out ones; 0 if memorised"
        figures.append(Figure("excess_loss", found.excess.mean, found.excess.standard_error, form=".1%", note=said))
    return figures


def _samples(errors: LevelErrors, kind: str = "held-out") -> str:
    return counted(len(errors.x_start), f"{kind} sample")
