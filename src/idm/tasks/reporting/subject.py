"""A run that is reported on, and what several sections share of it, made once."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import IdmError
from idm.core.progress import Listener
from idm.data import Dataset
from idm.likelihood.sampled import USUAL_CALLS
from idm.metrics import METRICS, Figure, Labelled, LevelScores, Metric, Needs, Recognised, Setup
from idm.metrics.features import USUAL_FEATURES
from idm.report import SamplePicture
from idm.run import Data, Run, draw, open_run_data
from idm.run.bound_request import BoundRequest
from idm.run.compared import Compared, set_up
from idm.run.figures import Metrics
from idm.run.held_data import Held
from idm.run.held_out_bounds import ScoredBound
from idm.run.levels import MOST_SAMPLES, NUM_LEVELS, level_scores
from idm.run.saving import sample_picture
from idm.run.scorable import score_held_out
from idm.run.views import in_batches, seen_of
from idm.samplers import Sampler
from idm.tasks.reporting.effort import Effort
from idm.tasks.reporting.lines import recorded_lines
from idm.tasks.reporting.once import tried_once

LEFT_OUT = ("continuous", "flow")
"""Metrics that cost far more calls than others do."""


@final
class Subject:
    """A run that is reported on.

    Attributes:
        run: the run.
        name: what it is called on the page.
        effort: what the page may cost.
        seed: sample i is drawn from seed + i.
        listener: hears how it gets on.
        times: what was done, and the seconds that it took.
        failures: errors of what could not be made, which no section tries again.
    """

    def __init__(self, run: Run, name: str, effort: Effort, seed: int, listener: Listener) -> None:
        """Begin with nothing measured."""
        self.run, self.name, self.effort, self.seed, self.listener = run, name, effort, seed, listener
        self.times: list[tuple[str, float]] = []
        self.failures: dict[str, IdmError] = {}

    @contextmanager
    def timed(self, what: str) -> Generator[None]:
        """Note how long something takes."""
        start = time.monotonic()
        yield
        self.times.append((what, time.monotonic() - start))

    @cached_property
    def rows(self) -> list[Mapping[str, float]]:
        """Lines of metrics up to the checkpoint that tell step and loss, evenly from all; none of imported weights."""
        return recorded_lines(self.run)

    @cached_property
    @tried_once
    def data(self) -> Data:
        """The run's data; errors as of ``open_run_data``."""
        return open_run_data(self.run)

    @cached_property
    def told(self) -> Run:
        """The run with its data open, where samples are drawn for the conditions of these."""
        return replace(self.run, data=self.data) if self.run.spec.label_kind.are_fields else self.run

    @cached_property
    def why_no_data(self) -> str:
        """Why the run's data cannot be opened; "" where they can."""
        try:
            return "" if len(self.data.train) else "there are no training data"
        except IdmError as error:
            return str(error)

    @property
    def training(self) -> Labelled:
        """Training data, evenly from all."""
        return self._training.samples

    @property
    def held_out(self) -> Labelled:
        """Held-out data, evenly from all."""
        return self._held_out.samples

    @cached_property
    @tried_once
    def _training(self) -> Held:
        return Held.of(self.data.train)

    @cached_property
    @tried_once
    def _held_out(self) -> Held:
        return Held.of(self.data.held_out)

    @cached_property
    def picture(self) -> SamplePicture:
        """What draws samples."""
        return sample_picture(self.run.spec)

    @property
    def across(self) -> int:
        """How many samples stand beside each other on a page."""
        return self.picture.columns(self.picture.most)

    @property
    def point_names(self) -> list[str]:
        """Names of the coordinates of points."""
        shown = self.picture.shown
        named = shown.channel_names or shown.units
        return [shown.label(i) if named else f"coordinate {i}" for i in range(shown.channels)]

    @cached_property
    def sampler(self) -> Sampler:
        """The run's own sampler."""
        return self.run.sampler()

    @cached_property
    @tried_once
    def samples(self) -> Tensor:
        """Samples of every class in turn, in the model's range."""
        num = self.effort.samples(self.sampler.num_calls)
        what = f"{num:,} samples, {self.sampler_in_words}"
        with self.timed(what):
            return draw(self.told, num, seed=self.seed, sampler=self.sampler, listener=self.listener)

    @property
    def sampler_in_words(self) -> str:
        """The sampler and its number of steps."""
        return (
            f"{type(self.sampler).__name__.removeprefix('Sampler')} in {self.sampler.diffusion.num_timesteps:,} steps"
        )

    @cached_property
    @tried_once
    def bound(self) -> ScoredBound:
        """The bound of the whole chain on held-out data: all terms, or estimated where these are too many."""
        steps, available = self.run.diffusion.num_timesteps, len(self.data.held_out)
        calls = 0 if self.effort.fits_whole(steps, available) or steps <= USUAL_CALLS else USUAL_CALLS
        num = available if self.effort.fits_whole(steps, available) else self.effort.scored(calls or steps, available)
        with self.timed("bound of held-out data"):
            wanted = BoundRequest(num=num, budget=calls, seed=self.seed)
            return score_held_out(self.run, self.data, wanted, self.listener)

    @cached_property
    @tried_once
    def levels(self) -> LevelScores:
        """Errors over noise levels."""
        num = self.effort.scored_by_level(NUM_LEVELS, MOST_SAMPLES)
        with self.timed("errors over noise levels"):
            return level_scores(self.run, self.data, BoundRequest(num=num, seed=self.seed), self.listener)

    @cached_property
    @tried_once
    def figures(self) -> dict[str, Figure]:
        """Figures of all metrics that can be measured, by name."""
        chosen = [name for name, reason in self.metrics.items() if not reason]
        if not chosen:
            return {}
        members, (compared, _) = {name: METRICS.build(name, {}) for name in chosen}, self.compared
        metrics = Metrics(members, len(self.samples), self.sampler, compared, read=self._read)
        bound = self.bound if Needs.BOUND in metrics.needs else None
        levels = self.levels if Needs.LEVELS in metrics.needs else None
        with self.timed("metrics of samples"):
            known = metrics.known(self.run, self.data, self.listener)
            given = seen_of(self.run, metrics, known, in_batches(self.samples))
            found = metrics.figures(given, self.run, self.data, bound, self.listener, levels=levels)
        return {figure.name: figure for figures in found.values() for figure in figures}

    @cached_property
    @tried_once
    def metrics(self) -> dict[str, str]:
        """Why each metric cannot be measured; "" where it can."""
        _, setup = self.compared
        return {name: self._why_not(METRICS.build(name, {}), setup) for name in METRICS if name not in LEFT_OUT}

    @cached_property
    @tried_once
    def compared(self) -> tuple[Compared, Setup]:
        """With what samples are compared, and what metrics are to look at."""
        return set_up(self.run, self.data, len(self.samples), USUAL_FEATURES, self._read)

    def _read(self, dataset: Dataset, numbers: NDArray[np.int64]) -> Labelled:
        """Return samples of the run's data, which every section has from those that were read once."""
        held = self._held_out if dataset is self.data.held_out else self._training
        return held.read(dataset, numbers)

    def _why_not(self, metric: Metric, setup: Setup) -> str:
        if metric.needs & (Needs.HELD_OUT | Needs.BOUND | Needs.LEVELS) and not len(self.data.held_out):
            return "no data are held out"
        if isinstance(metric, Recognised) and self.run.spec.num_classes is None:
            return "the network was trained without classes"
        try:
            metric.check(setup)
        except IdmError as error:
            return str(error)
        return ""
