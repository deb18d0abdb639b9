"""Who looks at the averaged network along a training: what is measured of it, and samples that are shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, final

from torch import nn

from idm.core.errors import NumericalError, ProcessError
from idm.core.progress import Listener, warn
from idm.core.signals import StopError, at_once
from idm.core.vote import Vote
from idm.storage.manifest import Json
from idm.training.pace import LARGEST_SHARE, Pace
from idm.training.state import TrainingState
from idm.training.step import TrainStep

T = TypeVar("T")
Describe = Callable[[nn.Module], dict[str, Json]]
"""Given the averaged network: the documents that a checkpoint holds beside the state of training."""
Preview = Callable[[int, nn.Module], None]
"""Given the step and the averaged network: whatever shall be shown of it."""
Measure = Callable[[nn.Module], dict[str, float]]
"""Given the averaged network: figures for the metrics."""


@final
@dataclass(frozen=True)
class Measures:
    """What is measured of the averaged network, or is due now; None: that is not.

    Attributes:
        bound: how well it predicts held-out data; the first of its figures, smaller is better, ranks checkpoints.
        memorisation: by how much it knows its training data better.
    """

    bound: Measure | None = None
    memorisation: Measure | None = None


@final
@dataclass(frozen=True)
class Measured:
    """Figures of what was measured; empty where it was not."""

    bound: dict[str, float] = field(default_factory=dict[str, float])
    memorisation: dict[str, float] = field(default_factory=dict[str, float])


@final
class Onlookers:
    """Called in the main process; all processes put the average together that they look at."""

    def __init__(
        self,
        step: TrainStep,
        state: TrainingState,
        run_folder: Path,
        preview: Preview | None,
        measures: Measures,
        listener: Listener,
    ) -> None:
        """Look at the state of a training in that folder; other arguments as of ``Trainer``."""
        self._step, self._state, self._run_folder = step, state, run_folder
        self._preview, self._measures, self._listener = preview, measures, listener
        self._pace, self._told_of_pace = Pace(), False

    def due(self, num_steps_done: int) -> Measures:
        """Return what is to be measured after so many steps."""
        every, settings = self._measures, self._step.settings
        return Measures(
            every.bound if settings.is_due(settings.bound_interval, num_steps_done) else None,
            every.memorisation if settings.is_due(settings.memorisation_interval, num_steps_done) else None,
        )

    def measured(self, vote: Vote, due: Measures) -> Measured | None:
        """Return the figures of the averaged network, of what is due; None where a stop came before."""
        if due == Measures():
            return Measured()
        # All processes put the average together, before the main one looks at it alone.
        average = self._state.first_average()
        if vote.carried:
            return None

        def look() -> Measured | None:
            try:
                with at_once():
                    network = self._state.averaged_network(average)
                    return Measured(_figures(due.bound, network), _figures(due.memorisation, network))
            except StopError:
                return None
            except ProcessError as error:
                return _not_measured(error, Measured())

        return self._step.ranks.on_main(look)

    def show(self, num_steps_done: int, *, finished: bool) -> None:
        """Let somebody draw samples, unless that was done too lately; once training is finished in any case."""
        preview = self._preview
        # The main process's clock decides, and tells the others: putting the average together takes all of them.
        if preview is None or not (finished or self._step.ranks.on_main(self._may_draw)):
            return
        average = self._state.first_average()
        if finished:  # no step is counted any more, however long it takes
            self._listener.say(f"training {self._run_folder}: drawing samples")

        def show() -> None:
            try:
                with self._pace.measured(), at_once():
                    preview(num_steps_done, self._state.averaged_network(average))
            except StopError:
                return  # the next start draws it
            except OSError as error:
                what = error.filename or self._run_folder
                warn(f"{what}: cannot write ({error.strerror or error}); training goes on")
            except (ProcessError, NumericalError) as error:
                warn(f"training: no samples are drawn ({error}); training goes on")

        self._step.ranks.on_main(show)

    def _may_draw(self) -> bool:
        """Whether drawing samples takes no more than a small share of the time; say so once where it does."""
        allowed = self._pace.allows()
        if not allowed and not self._told_of_pace:
            self._told_of_pace = True
            warn(
                f"training: drawing samples takes {self._pace.last:,.0f} s; it is done less often than every "
                f"{self._step.settings.sample_interval:,} steps, "
                f"so that it takes at most {LARGEST_SHARE:.0%} of the time"
            )
        return allowed


def _figures(measure: Measure | None, network: nn.Module) -> dict[str, float]:
    """Return what is measured; nothing where that fails, which is told."""
    try:
        return {} if measure is None else measure(network)
    except (ProcessError, NumericalError) as error:
        return _not_measured(error, {})


def _not_measured(error: Exception, nothing: T) -> T:
    warn(f"training: held-out data are not measured ({error}); training goes on")
    return nothing
