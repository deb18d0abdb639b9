"""Metrics of a run: which are measured, what is drawn and read for them, and their figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.text import counted
from idm.data import Dataset
from idm.likelihood import FlowLikelihood
from idm.metrics import Evidence, Figure, Labelled, Metric, Needs, Recognised, Setup, find_metric
from idm.metrics.features import USUAL_FEATURES, FeatureExtractor, Values, find_features, fitted_and_compared
from idm.run.data import Data
from idm.run.drawing import require_memory, require_sampler
from idm.run.flows import flow_scores
from idm.run.held_out_bounds import ScoredBound
from idm.run.opened import Opened
from idm.run.recognition import require_recognition
from idm.run.scoring import require_held_out
from idm.samplers import Sampler

USUAL, USUAL_OF_SAMPLES = ("bound",), ("bound", "classifier")
"""Metrics where none are named: without samples, and with some."""

MOST_REAL_SAMPLES, MOST_BYTES, FEWEST_REAL_SAMPLES = 10_000, 2**30, 64
"""Most real samples that metrics look at, evenly from all, most bytes of them, and the fewest whatever they take."""


@final
@dataclass(frozen=True, eq=False)
class Metrics:
    """Metrics to measure of a run, checked.

    Attributes:
        members: by name.
        num_samples: how many samples are drawn.
        sampler: what draws them; None where no metric looks at samples.
        features: what is compared of samples.
        compared: which of the real samples they are compared with; all where None.
    """

    members: Mapping[str, Metric]
    num_samples: int
    sampler: Sampler | None
    features: FeatureExtractor
    compared: NDArray[np.int64] | None = None

    @property
    def needs(self) -> Needs:
        """What any of them is to be given."""
        return needs_of(self.members)

    def figures(
        self,
        run: Opened,
        data: Data,
        bound: ScoredBound | None,
        drawn: Tensor | None,
        listener: Listener = SILENT,
        *,
        flow: FlowLikelihood | None = None,
    ) -> dict[str, list[Figure]]:
        """Measure all, and return their figures by metric; all see the same evidence.

        Args:
            run: what drew the samples, guided or not.
            data: what was scored.
            bound: of the held-out data, where a metric needs it.
            drawn: samples in the model's range, of every class in turn, where a metric looks at them.
            listener: hears how it gets on.
            flow: likelihoods by the flow, where a metric needs them.
        """
        evidence = self._evidence(run, data, bound, drawn, flow)
        found: dict[str, list[Figure]] = {}
        with listener.follow("measuring", len(self.members), unit="metrics") as bar:
            for name, metric in self.members.items():
                found[name] = metric.measure(evidence)
                bar.advance()
        return found

    def _evidence(
        self,
        run: Opened,
        data: Data,
        bound: ScoredBound | None,
        drawn: Tensor | None,
        flow: FlowLikelihood | None,
    ) -> Evidence:
        needs = self.needs
        reads_real, has_trained = bool(needs & Needs.REAL), len(data.train) > 0
        trained_on = has_trained and (reads_real or bool(needs & Needs.TRAINING))
        scored = len(data.held_out) > 0 and (bool(needs & Needs.HELD_OUT) or (reads_real and not has_trained))
        held_out, training = evenly(data.held_out) if scored else None, evenly(data.train) if trained_on else None
        return Evidence(
            drawn=None if drawn is None else _as_drawn(run, drawn),
            scored=held_out,
            trained_on=training,
            parts=None if bound is None else bound.parts(run.spec.codec, own=has_trained),
            flow_scores=None if flow is None else flow_scores(flow, run.spec.codec, own=has_trained),
            features=self.features,
            levels=run.spec.codec.levels,
            about_drawn=self._about_drawn(run),
            compared=_some(training or held_out, self.compared),
        )

    def _about_drawn(self, run: Opened) -> str:
        if self.sampler is None:
            return ""
        scale = run.guide.scale
        under = "" if scale == 1.0 else f", guidance {scale:g}, which the bound is without"
        sampler, samples = self.sampler, counted(self.num_samples, "sample")
        steps, calls = counted(sampler.diffusion.num_timesteps, "step"), counted(sampler.num_calls, "call")
        return f"{samples} by {type(sampler).__name__}, {steps}, {calls} of the network{under}"


def choose_metrics(
    run: Opened,
    data: Data,
    names: Sequence[str] | None = None,
    *,
    samples: int = 0,
    sampler: Sampler | None = None,
    features: str | None = None,
) -> Metrics:
    """Find metrics, and refuse what cannot be measured, before anything is drawn or scored.

    Args:
        run: the trained model, guided or not.
        data: what is scored.
        names: of metrics, ``module:callable`` of one's own among them, which is imported and run; the bound by default,
            and with samples the classifier.
        samples: how many are drawn.
        sampler: what draws them; the run's own by default.
        features: what is compared of samples, as of ``find_features``.

    Raises:
        SettingsError: no such metric or features; samples that no metric looks at, or none where one does; a network
            without classes for the classifier; whatever else a metric refuses.
        DataError: data that are wanted are not there.
    """
    if names is None:
        names = USUAL_OF_SAMPLES if samples else USUAL
    members = {name: find_metric(name) for name in names}
    needs = needs_of(members)
    _refuse_samples(members, samples)
    _refuse_missing(run, data, members)
    compared = needs & Needs.SAMPLES and needs & Needs.REAL
    if features is not None and not compared:
        raise SettingsError(f"features: a metric that compares samples wanted beside it, got {', '.join(members)}")
    extractor: FeatureExtractor = Values()
    rows: NDArray[np.int64] | None = None
    if compared:
        extractor, rows = _refuse_unmeasurable(data, members, samples, features or USUAL_FEATURES)
    return Metrics(members, samples, _sampler(run, data, members, samples, sampler), extractor, rows)


def needs_of(members: Mapping[str, Metric]) -> Needs:
    """Return what any of the metrics is to be given."""
    return reduce(or_, (metric.needs for metric in members.values()), Needs.NOTHING)


def _refuse_samples(members: Mapping[str, Metric], samples: int) -> None:
    looking = [name for name, metric in members.items() if metric.needs & Needs.SAMPLES]
    if not members:
        raise SettingsError("metrics: at least one wanted, such as bound, got none")
    if looking and not samples:
        raise SettingsError(
            f"metrics={looking[0]}: a number of samples to draw wanted beside it, got none; give samples=1000, say"
        )
    if samples and not looking:
        raise SettingsError(
            f"samples: a metric that looks at them wanted, such as classifier, got metrics={','.join(members)}; "
            "name one more, or leave out samples=N"
        )


def _refuse_missing(run: Opened, data: Data, members: Mapping[str, Metric]) -> None:
    if needs_of(members) & (Needs.HELD_OUT | Needs.BOUND | Needs.FLOW):
        require_held_out(run, data)
    for name, metric in members.items():
        if metric.needs & Needs.TRAINING and not len(data.train) and not isinstance(metric, Recognised):
            raise DataError(f"metrics={name}: the run's training data wanted, got others; leave out data=PATH")


def _refuse_unmeasurable(
    data: Data, members: Mapping[str, Metric], samples: int, features: str
) -> tuple[FeatureExtractor, NDArray[np.int64] | None]:
    """Return the features and which of the real samples are compared, and let every metric look at what there will be.

    Features that are fitted have some of the samples to themselves; all others are compared by all of them.
    """
    real = evenly(data.train if len(data.train) else data.held_out).x
    to_fit, others = fitted_and_compared(len(real))
    extractor = find_features(features, real[to_fit])
    compared = others if extractor.is_fitted else None
    num_real = len(real) if compared is None else len(compared)
    setup = Setup(tuple(real.shape[1:]), samples, num_real, extractor(real[:1]).shape[1])
    for metric in members.values():
        metric.check(setup)
    return extractor, compared


def _some(of: Labelled | None, rows: NDArray[np.int64] | None) -> Labelled | None:
    """Return some rows; None where nothing is said."""
    if of is None or rows is None:
        return None
    return Labelled(of.x[rows], None if of.y is None else of.y[rows])


def _sampler(
    run: Opened, data: Data, members: Mapping[str, Metric], samples: int, sampler: Sampler | None
) -> Sampler | None:
    if any(isinstance(metric, Recognised) for metric in members.values()):
        return require_recognition(run, data, samples, sampler)
    if not samples:
        return None
    require_memory(samples, run.spec.shape, f"samples={samples}")
    sampler = sampler or run.sampler()
    require_sampler(run, sampler)
    return sampler


def _as_drawn(run: Opened, samples: Tensor) -> Labelled:
    """Return samples as data would be, with the classes that they were drawn of."""
    labels = run.drawn_labels(None, len(samples))
    return _labelled(run.spec.codec.rounded(samples), None if labels is None else labels.cpu())


def _labelled(x: Tensor, y: Tensor | None) -> Labelled:
    """Put samples and their classes together; numbers and conditions are none."""
    return Labelled(x, None if y is None or y.is_floating_point() else y)


def evenly(dataset: Dataset) -> Labelled:
    """Return samples evenly from all that are there, none of them mirrored."""
    every = len(dataset) // (2 if dataset.random_flip else 1)
    most = max(FEWEST_REAL_SAMPLES, min(MOST_REAL_SAMPLES, MOST_BYTES // (4 * math.prod(dataset.shape))))
    return _labelled(*dataset.batch(np.unique(np.linspace(0, every - 1, min(most, every)).astype(np.int64))))
