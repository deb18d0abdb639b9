"""What tasks of sampling and scoring are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idm.run.labels import Labels
from idm.run.tradeoff import WAYS


def _no_settings() -> Mapping[str, Any]:
    return {}


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
        guide: what else guides, as of ``Run.guided``; a classifier by the name of its code, "module:name", which is
            imported and called.
    """

    num: int = 64
    labels: Labels | None = None
    seed: int = 0
    guidance: float = 1.0
    sampler: Mapping[str, Any] = field(default_factory=_no_settings)
    batch_size: int = 256
    trajectory: bool = True
    compile: bool = False
    precision: str | None = None
    variance: str | None = None
    guide: Mapping[str, Any] = field(default_factory=_no_settings)


@dataclass(frozen=True)
class ScoreRequest:
    """Scores that are wanted.

    Attributes:
        data: other data; the run's held-out samples by default.
        source: options that open other data where those of the run do not.
        steps: of the chain whose bound is evaluated; 0: all.
        num: how many held-out samples; 0: all.
        samples: draw so many samples too, and let a classifier recognise them.
        sampler: settings of the sampler for these that differ from the run's.
        seed: of noise and samples.
        batch_size: (sample, step) pairs per call of the network.
        precision: number format inside the network.
        variance: of reverse steps, for the bound and for samples; see ``Run.using``.
        plan: which levels that chain has, in place of evenly spaced ones; see ``Opened.sampler``.
        guidance: scale of classifier-free guidance of the samples; the bound is that of the network without it.
    """

    data: str | None = None
    source: Mapping[str, Any] = field(default_factory=_no_settings)
    steps: int = 0
    num: int = 0
    samples: int = 0
    sampler: Mapping[str, Any] = field(default_factory=_no_settings)
    seed: int = 0
    batch_size: int = 512
    precision: str | None = None
    variance: str | None = None
    plan: str | None = None
    guidance: float = 1.0


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
