"""Metrics of a run: which are measured, what is drawn and read for them, and their figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import final

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.core.text import counted
from idm.likelihood import FlowLikelihood, SampledBound
from idm.metrics import (
    Evidence,
    Figure,
    Frechet,
    LevelScores,
    Metric,
    Needs,
    Recognised,
    find_metric,
    measure_seen,
)
from idm.metrics.by_sample import BySample
from idm.metrics.features import USUAL_FEATURES, FeatureCache, FeatureExtractor
from idm.run.compared import Compared, Reader, choose_compared, read_piece
from idm.run.continuous import continuous_parts
from idm.run.data import Data
from idm.run.data_folder import places_of, refuse_data_folder
from idm.run.drawing import require_memory, require_sampler
from idm.run.flows import flow_scores
from idm.run.held_data import HeldData
from idm.run.held_out_bounds import ScoredBound
from idm.run.opened import Opened
from idm.run.real_rows import held_for, real_seen
from idm.run.recognition import require_recognition
from idm.run.scoring import require_held_out
from idm.run.ways_of_features import FeatureWay
from idm.samplers import Sampler

OF_HELD_OUT = Needs.HELD_OUT | Needs.BOUND | Needs.FLOW | Needs.LEVELS | Needs.CONTINUOUS
"""What there is where something is held out."""

USUAL, USUAL_OF_SAMPLES = ("bound",), ("bound", "classifier")
"""Metrics where none are named: without samples, and with some."""


@final
@dataclass(frozen=True, eq=False)
class Metrics:
    """Metrics to measure of a run, checked.

    Attributes:
        members: by name.
        num_samples: how many samples are drawn.
        sampler: what draws them; None where no metric looks at samples.
        compared: with what samples are compared.
        cache: where features of real data are kept.
        read: what reads real samples.
    """

    members: Mapping[str, Metric]
    num_samples: int
    sampler: Sampler | None
    compared: Compared = field(default_factory=Compared)
    cache: FeatureCache = field(default_factory=FeatureCache)
    read: Reader = read_piece

    @property
    def needs(self) -> Needs:
        """What any of them is to be given."""
        return needs_of(self.members)

    @property
    def features(self) -> FeatureExtractor:
        """What is compared of samples."""
        return self.compared.features

    def known(self, run: Opened, data: Data, listener: Listener = SILENT, ranks: Ranks | None = None) -> Evidence:
        """Look at the real data: all that is known before samples are drawn; every process takes part.

        Samples are read once, whoever looks at them. A process holds those whole that its looks read; the main one,
        which measures, those that metrics read.

        Args:
            run: what draws the samples, guided or not.
            data: what is scored.
            listener: hears how it gets on.
            ranks: the processes; one by default.
        """
        chosen, ranks = self.compared, ranks or Ranks()
        held = HeldData.of(data, chosen, held_for(self.members, is_main=ranks.is_main), self.read)
        given = Evidence(
            scored=held.scored,
            trained_on=held.trained_on,
            features=self.features,
            levels=run.spec.codec.levels,
            about_drawn=self._about_drawn(run),
            compared=held.compared,
        )
        if chosen.dataset is None:
            return given
        way = FeatureWay(run.device, cache=self.cache, listener=listener, ranks=ranks, read=held.read)
        return real_seen(self.members, given, chosen, data.spec, way, self._num_moments)

    @property
    def _num_moments(self) -> int:
        """Of how many real samples moments are wanted: as many as are drawn, where rows of only some are kept."""
        reads = any(isinstance(one, Frechet) for one in self.members.values())
        return self.num_samples if reads and self.num_samples > Frechet.most_seen else 0

    def figures(
        self,
        evidence: Evidence,
        run: Opened,
        data: Data,
        bound: ScoredBound | None,
        listener: Listener = SILENT,
        *,
        flow: FlowLikelihood | None = None,
        levels: LevelScores | None = None,
        continuous: SampledBound | None = None,
    ) -> dict[str, list[Figure]]:
        """Measure all, and return their figures by metric; all see the same evidence.

        Args:
            evidence: what was seen of real data and of samples.
            run: what drew the samples, guided or not.
            data: what was scored.
            bound: of the held-out data, where a metric needs it.
            listener: hears how it gets on.
            flow: likelihoods by the flow, where a metric needs them.
            levels: errors over noise levels, where a metric needs them.
            continuous: the bound in continuous time, where a metric needs it.
        """
        own = len(data.train) > 0
        told = replace(
            evidence,
            parts=None if bound is None else bound.parts(run.spec.codec, own=own),
            flow_scores=None if flow is None else flow_scores(flow, run.spec.codec, own=own),
            level_scores=levels,
            endless=None if continuous is None else continuous_parts(continuous, run.spec.codec, own=own),
        )
        return measure_seen(self.members, told, listener)

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
    cache: str | Path | None = None,
) -> Metrics:
    """Find metrics, and refuse what cannot be measured, before anything is drawn or scored.

    Args:
        run: the trained model, guided or not.
        data: what is scored.
        names: of metrics, ``module:callable`` of one's own among them, which is imported and run; the bound by default,
            and with samples the classifier.
        samples: how many are drawn.
        sampler: what draws them; the run's own by default.
        features: what is compared of samples, as of ``choose_compared``.
        cache: a folder where features of real data are kept, and found again.

    Raises:
        SettingsError: no such metric or features; samples that no metric looks at, or none where one does; a network
            without classes for the classifier; whatever else a metric refuses.
        DataError: data that are wanted are not there.
    """
    usual = USUAL_OF_SAMPLES if samples else USUAL
    members = {name: find_metric(name) for name in (usual if names is None else names)}
    _refuse_samples(members, samples)
    _refuse_missing(run, data, members)
    chosen = Compared()
    if Needs.SAMPLES | Needs.REAL in needs_of(members):
        chosen = choose_compared(run, data, members.values(), samples, features or USUAL_FEATURES)
    else:
        _refuse_idle(members, features=features, cache=cache)
    by = _sampler(run, data, members, samples, sampler)
    if cache is not None:
        for place in places_of(run.experiment.data):
            refuse_data_folder(Path(cache), place, setting="cache")
    return Metrics(members, samples, by, chosen, FeatureCache.at(cache))


def needs_of(members: Mapping[str, Metric]) -> Needs:
    """Return what any of the metrics is to be given."""
    return reduce(or_, (metric.needs for metric in members.values()), Needs.NOTHING)


def _refuse_idle(members: Mapping[str, Metric], **options: object) -> None:
    for option, value in options.items():
        if value is not None:
            raise SettingsError(f"{option}: a metric that compares samples wanted beside it, got {', '.join(members)}")


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
    if needs_of(members) & (OF_HELD_OUT):
        require_held_out(run, data)
    for name, metric in members.items():
        if metric.needs & Needs.TRAINING and not len(data.train) and not isinstance(metric, Recognised):
            raise DataError(f"metrics={name}: the run's training data wanted, got others; leave out data=PATH")


def _sampler(
    run: Opened, data: Data, members: Mapping[str, Metric], samples: int, sampler: Sampler | None
) -> Sampler | None:
    if any(isinstance(metric, Recognised) for metric in members.values()):
        return require_recognition(run, data, samples, sampler)
    if not samples:
        return None
    if not all(isinstance(metric, BySample) for metric in members.values() if metric.needs & Needs.SAMPLES):
        require_memory(samples, run.spec.shape, f"samples={samples}")
    sampler = sampler or run.sampler()
    require_sampler(run, sampler)
    return sampler
