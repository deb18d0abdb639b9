"""What metrics measure on: samples, real data, and the bound of these, made once for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TypeVar

from jaxtyping import Float, Int
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.estimate import Estimate
from idm.core.level_errors import LevelErrors
from idm.metrics.features import FeatureExtractor, Values

T = TypeVar("T")


class Needs(Flag):
    """What a metric is to be given; ``REAL`` is training data, or data to score where there are none to train on."""

    NOTHING = 0
    SAMPLES = auto()
    HELD_OUT = auto()
    TRAINING = auto()
    REAL = auto()
    BOUND = auto()
    FLOW = auto()
    LEVELS = auto()
    CONTINUOUS = auto()


@dataclass(frozen=True, eq=False)
class Labelled:
    """Samples in the model's range, with their classes where there are any.

    Attributes:
        x: the samples.
        y: number of the class of each; None without classes.
    """

    x: Float[Tensor, "n c *space"]
    y: Int[Tensor, " n"] | None = None


@dataclass(frozen=True, eq=False)
class BoundParts:
    """The bound of each held-out sample [n], and its parts, in bits/dim.

    Attributes:
        total: the whole.
        prior: what is left of the data after all noise was added.
        steps: all reverse steps but the last.
        decoder: the last step, to exact values.
        histogram: of independent histograms of each value; None where there are none.
        about: which samples, chain and levels, in words.
    """

    total: Float[Tensor, " n"]
    prior: Float[Tensor, " n"]
    steps: Float[Tensor, " n"]
    decoder: Float[Tensor, " n"]
    histogram: Estimate | None = None
    about: str = ""


@dataclass(frozen=True, eq=False)
class FlowScores:
    """The likelihood of each held-out sample by the probability flow.

    Attributes:
        bits_per_dim: of each [n].
        about: which samples and solver, and the direction of the bound, in words.
    """

    bits_per_dim: Float[Tensor, " n"]
    about: str = ""


@dataclass(frozen=True, eq=False)
class LevelScores:
    """Errors over noise levels.

    Attributes:
        held_out: of data that the model has not seen.
        training: of data that it was trained on, at the same levels; None of other data than the run's own.
    """

    held_out: LevelErrors
    training: LevelErrors | None = None


@dataclass(frozen=True, eq=False)
class Moments:
    """What is known of the features of real data, or of samples, besides rows of some of them.

    Attributes:
        mean: of each feature.
        covariance: unbiased.
        num: how many samples they are of.
    """

    mean: Float[Tensor, " d"]
    covariance: Float[Tensor, "d d"]
    num: int


@dataclass(frozen=True)
class Setup:
    """What is known before anything is drawn or scored, for metrics to refuse what they cannot measure.

    Attributes:
        shape: of a sample.
        num_samples: how many are drawn.
        num_real: how many real ones they are compared with.
        num_features: that each sample has.
        are_given: whether samples come from files, and are not drawn.
        limit: why there are no more real ones, in words that follow their number; empty where all are looked at.
    """

    shape: tuple[int, ...]
    num_samples: int
    num_real: int
    num_features: int
    are_given: bool = False
    limit: str = ""

    @property
    def refused(self) -> str:
        """How a refusal of so many samples begins."""
        count = self.num_samples
        return f"samples_from: {count:,} samples given, " if self.are_given else f"samples={count}: "

    @property
    def more(self) -> str:
        """How more of them are to be had, in words."""
        return "give more" if self.are_given else "draw more"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was drawn, read and scored. A metric reads what it needs; what is missing is refused when it is read.

    Attributes:
        drawn: samples of the model.
        scored: data that it has not seen.
        trained_on: data that it has; None for other data than its own.
        compared: real data that samples are compared with, of which the features know nothing; all of ``trained_on``
            where None, or else those to score.
        flow_scores: the likelihood of the data to score by the probability flow.
        level_scores: errors over noise levels of the data to score, and of training data.
        endless: the bound of the data to score in continuous time.
        moments: of the features of all real data, of which those that are compared are some; None where not known.
        parts: the bound of the data to score.
        features: what is compared of samples.
        levels: number of levels of the data; None for continuous ones.
        about_drawn: how many samples, and what drew them, in words.
        drawn_moments: of the features of all samples, of which those that were drawn are some; those of these where
            None.
        span: smallest and largest real value; those of ``real`` where None.
        drawn_rows: what metrics saw of each sample, by ``BySample.sight``. These samples were let go.
        real_rows: the same of the real data beside them.
    """

    drawn: Labelled | None = None
    scored: Labelled | None = None
    trained_on: Labelled | None = None
    parts: BoundParts | None = None
    features: FeatureExtractor = field(default_factory=Values)
    levels: int | None = None
    about_drawn: str = ""
    compared: Labelled | None = None
    flow_scores: FlowScores | None = None
    level_scores: LevelScores | None = None
    endless: BoundParts | None = None
    moments: Moments | None = None
    drawn_moments: Moments | None = None
    span: tuple[float, float] | None = None
    drawn_rows: Mapping[str, Float[Tensor, "n k"]] = field(default_factory=dict[str, Tensor])
    real_rows: Mapping[str, Float[Tensor, "m k"]] = field(default_factory=dict[str, Tensor])

    @property
    def samples(self) -> Labelled:
        """Return the samples of the model."""
        return _there(self.drawn, "samples")

    @property
    def held_out(self) -> Labelled:
        """Return the data that the model has not seen."""
        return _there(self.scored, "held-out data")

    @property
    def training(self) -> Labelled:
        """Return the data that the model has seen."""
        return _there(self.trained_on, "training data")

    @property
    def real(self) -> Labelled:
        """Return the data to compare samples with."""
        return _there(self._real, "real data")

    @property
    def extremes(self) -> tuple[float, float]:
        """Return the smallest and the largest real value."""
        return self.span or (float(self.real.x.min()), float(self.real.x.max()))

    @property
    def has_real(self) -> bool:
        """Whether there are any to compare features with, and not moments alone."""
        return self._real is not None or bool(self.real_rows)

    @property
    def _real(self) -> Labelled | None:
        return self.compared or self.trained_on or self.scored

    @property
    def bound(self) -> BoundParts:
        """Return the bound of the held-out data."""
        return _there(self.parts, "the bound of held-out data")

    @property
    def continuous(self) -> BoundParts:
        """Return the bound of the held-out data in continuous time."""
        return _there(self.endless, "the bound of held-out data in continuous time")

    @property
    def flow(self) -> FlowScores:
        """Return the likelihood of the held-out data by the flow."""
        return _there(self.flow_scores, "the likelihood of held-out data by the flow")

    @property
    def by_level(self) -> LevelScores:
        """Return the errors over noise levels."""
        return _there(self.level_scores, "errors over noise levels")


def _there(part: T | None, name: str) -> T:
    """Return what is there.

    Raises:
        SettingsError: it is not.
    """
    if part is None:
        raise SettingsError(f"evidence: {name} wanted by this metric, got none; give them, and name them in its needs")
    return part
