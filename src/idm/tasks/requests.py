"""What tasks of sampling, scoring and restoring are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idm.run.bound_request import BoundRequest
from idm.run.labels import Labels
from idm.run.tradeoff import WAYS


@dataclass(frozen=True)
class SampleRequest:
    """Samples that are wanted.

    Attributes:
        num: how many.
        labels: classes by name, number or range, taken in turn; all by default.
        seed: sample i is drawn from seed + i.
        guidance: scale of classifier-free guidance; 1 is off.
        sampler: settings of the sampler that differ from the run's, as of ``Run.sampler``.
        batch_size: samples per call of the network.
        trajectory: write an animation of the steps.
        compile: translate the network first; see ``Run.using``.
        precision: number format inside the network; see there.
        variance: of reverse steps; see there.
        guide: what else guides, as of ``Run.guided``; a classifier by its code, "module:name", which is called.
        formats: names of formats of files, as of ``Run.save``.
        condition: a file or folder of conditions, in turn; those of the held-out data by default.
        condition_source: options that open it where those of the run's own conditions do not: {"key": "low"}.
    """

    num: int = 64
    labels: Labels | None = None
    seed: int = 0
    guidance: float = 1.0
    sampler: Mapping[str, Any] = field(default_factory=dict[str, Any])
    batch_size: int = 256
    trajectory: bool = True
    compile: bool = False
    precision: str | None = None
    variance: str | None = None
    guide: Mapping[str, Any] = field(default_factory=dict[str, Any])
    formats: Sequence[str] | None = None
    condition: str | None = None
    condition_source: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class ScoreRequest:
    """Scores that are wanted.

    Attributes:
        data: other data; the run's held-out samples by default.
        source: options that open other data where those of the run do not.
        steps: of the chain whose bound is evaluated; 0: all.
        num: how many held-out samples; 0: all.
        samples: number of samples to draw as well, which a classifier recognises.
        sampler: settings of the sampler for these that differ from the run's.
        seed: of noise and samples.
        batch_size: (sample, step) pairs per call of the network, and samples that are drawn together, 256 at the most.
        precision: number format inside the network.
        variance: of reverse steps, for the bound and for samples; see ``Run.using``.
        plan: which levels that chain has, in place of evenly spaced ones; see ``Opened.sampler``.
        guidance: scale of classifier-free guidance of the samples; the bound is that of the network without it.
        metrics: what is measured, as of ``Run.evaluate``; code that is named there is imported and run.
        features: what is compared of samples, as there.
        cache: where features of real data are kept, as there.
        budget: calls of the network for each sample, as of ``BoundRequest``; 0: every term of the bound.
        target_se: standard error that is wanted instead, as there.
        flow_steps: of the solver of the metric "flow", as there.
        scores: a .csv file for the scores of single samples; ``scores.csv`` beside the other results by default.
        maps: also say where in each sample its bits are: ``maps.npz``.
        condition: the conditions of other data, a file or folder.
        condition_source: options that open it where those of the run's own conditions do not.
    """

    data: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict[str, Any])
    steps: int = 0
    num: int = 0
    samples: int = 0
    sampler: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed: int = 0
    batch_size: int = 512
    precision: str | None = None
    variance: str | None = None
    plan: str | None = None
    guidance: float = 1.0
    metrics: Sequence[str] | None = None
    features: str | None = None
    cache: str | None = None
    budget: int = 0
    target_se: float | None = None
    flow_steps: int = BoundRequest.flow_steps
    scores: str | None = None
    maps: bool = False
    condition: str | None = None
    condition_source: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def bound(self) -> BoundRequest:
        """Which bound is wanted.

        Raises:
            SettingsError: numbers that cannot be.
        """
        costs = (self.budget, self.target_se, self.flow_steps)
        return BoundRequest(self.steps, self.plan, self.num, *costs, self.seed, self.batch_size, self.maps)


@dataclass(frozen=True)
class CompareRequest:
    """A comparison of two runs that is wanted; see ``Run.compare``.

    Attributes:
        data: other data; the runs' held-out samples by default.
        source: options that open other data where those of the runs do not.
        budget: calls of the network for each sample; 0: every term.
        steps: of the chains whose bounds are evaluated; 0: all.
        num: how many samples; 0: all.
        seed: of steps and noise.
        batch_size: (sample, step) pairs per call of the network.
        precision: number format inside the networks.
        condition: the conditions of other data, a file or folder.
        condition_source: options that open it where those of the run's own conditions do not.
    """

    data: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict[str, Any])
    budget: int = 0
    steps: int = 0
    num: int = 0
    seed: int = 0
    batch_size: int = 512
    precision: str | None = None
    condition: str | None = None
    condition_source: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class TradeoffRequest:
    """A comparison over calls of the network that is wanted; see ``Run.tradeoff``.

    Attributes:
        samplers: NAME, NAME:SPACING or NAME:SPACING:VARIANCE each.
        calls: of the network for each sample; 5, 10, 20 and 50 by default.
        samples: of each.
        num: held-out samples to score; 0: all.
        seed: of noise and samples.
        batch_size: samples, or pairs of samples and steps of a bound, per call of the network.
        precision: number format inside the network.
    """

    samplers: Sequence[str] = WAYS
    calls: Sequence[int] | None = None
    samples: int = 1000
    num: int = 0
    seed: int = 0
    batch_size: int = 256
    precision: str | None = None


@dataclass(frozen=True)
class RestoreRequest:
    """Restored samples that are wanted.

    Attributes:
        operator: what was observed, as of ``Run.operator``.
        noise: standard deviation of its noise, in the data's units.
        num: samples of each observation.
        method: name of the method; as of ``Run.restore`` where None.
        options: of the method.
        sampler: settings of the sampler, as of ``Run.sampler``; as of ``Run.restore`` where there are none.
        labels: classes of the observations, in turn; by default those known, and found ones.
        seed: draw j of observation i is drawn from seed + num i + j.
        simulate: observe whole samples first, so that the truth stands beside the results.
        batch_size: samples per call of the network.
        coverage: say, with ``simulate``, how often the draws hold the truth; see ``idm.restoration.coverage_of``.
        condition: conditions of the observations, a file or folder, in turn.
        condition_source: options that open it where those of the run's own conditions do not.
        class_particles: by which classes are found that nobody told, as of ``Run.restore``.
    """

    operator: str
    noise: float = 0.0
    num: int = 8
    method: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sampler: Mapping[str, Any] = field(default_factory=dict[str, Any])
    labels: Labels | None = None
    seed: int = 0
    simulate: bool = False
    batch_size: int = 64
    coverage: bool = False
    condition: str | None = None
    condition_source: Mapping[str, Any] = field(default_factory=dict[str, Any])
    class_particles: int | None = None
