"""What samples and bounds of a run are worth over the calls of its network that they cost."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from idm.core.counts import at_least, whole_number
from idm.core.errors import CheckpointError, SettingsError
from idm.likelihood import Estimate
from idm.run.data import Data
from idm.run.drawing import require_memory
from idm.run.judging import Judge, deviation
from idm.run.opened import Opened
from idm.run.way import Way
from idm.samplers import Sampler
from idm.schedules.table import Float64

USUAL_CALLS = (5, 10, 20, 50)
WAYS = ("ddim:linspace", "multistep:log_snr", "ddpm:linspace")
"""Samplers, grids and variances that are compared where nothing else is said."""


@dataclass(frozen=True)
class Quality:
    """What samples are worth.

    Attributes:
        way: sampler, grid and variance.
        calls: of the network for each of them.
        steps: of the sampler.
        frechet: distance from the training data.
        above_best: how much more that is than the least at the same number of calls asked for, paired.
        recognised: share that a classifier recognises as their class; None where there are none.
    """

    way: str
    calls: int
    steps: int
    frechet: Estimate
    above_best: Estimate
    recognised: Estimate | None


@dataclass(frozen=True)
class BoundAt:
    """The bound of held-out data at a number of steps.

    Attributes:
        variance: of reverse steps.
        steps: of the chain.
        bits_per_dim: the bound.
    """

    variance: str
    steps: int
    bits_per_dim: Estimate


@dataclass(frozen=True)
class Tradeoff:
    """Quality and bits/dim over calls of the network.

    Attributes:
        num: samples of each way.
        features: principal components.
        samples: what they are worth.
        bounds: bits/dim; none where nothing is held out.
        again: Fréchet distance of as many training data drawn again.
        held_out: that of the held-out data; None where they are too few.
        recognised_held_out: share of held-out data that are recognised; None without classes.
    """

    num: int
    features: int
    samples: tuple[Quality, ...]
    bounds: tuple[BoundAt, ...]
    again: Estimate
    held_out: Estimate | None
    recognised_held_out: Estimate | None

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)


Draw = Callable[[Opened, Sampler], Tensor]
Score = Callable[[Opened, int], Estimate]


@dataclass(frozen=True)
class TradeoffPlan:
    """What is compared, checked before anything is drawn.

    Attributes:
        judge: compares samples with data.
        settings: a way, the calls asked for, the run and the sampler of each comparison.
        scored: the run and the number of steps of each bound.
    """

    judge: Judge
    settings: Sequence[tuple[Way, int, Opened, Sampler]]
    scored: Sequence[tuple[str, int, Opened]]

    def measure(self, draw: Draw, score: Score) -> Tradeoff:
        """Draw and compare.

        Args:
            draw: draws the samples of a run by a sampler, of every class in turn, the same seeds each time.
            score: evaluates the bound of a run's held-out data at a number of steps.
        """
        found: list[tuple[Quality, int, Float64]] = []
        for way, calls, run, sampler in self.settings:
            samples = run.spec.codec.rounded(draw(run, sampler))
            features = self.judge.features(samples)
            again = self.judge.distances(features)
            distance = Estimate(self.judge.distance(features), deviation(again))
            steps, recognised = sampler.diffusion.num_timesteps, self.judge.recognised(samples)
            quality = Quality(str(way), sampler.num_calls, steps, distance, distance, recognised)
            found.append((quality, calls, again))
        bounds = [(name, steps, score(run, steps)) for name, steps, run in self.scored]
        held_out, recognised = self.judge.held_out()
        return Tradeoff(
            self.judge.num,
            self.judge.size,
            tuple(_paired(found)),
            tuple(BoundAt(*bound) for bound in bounds),
            self.judge.again(),
            held_out,
            recognised,
        )


def plan_tradeoff(
    run: Opened, data: Data, *, ways: Sequence[str] = WAYS, calls: Sequence[int] | None = None, samples: int = 1000
) -> TradeoffPlan:
    """Check what is to be compared; without ``calls`` those of 5, 10, 20 and 50 that the run has steps for.

    Raises:
        SettingsError: a line per wrong value.
        DataError: there are no training data to compare with.
    """
    samples = at_least(0, samples, "samples")
    require_memory(samples, run.spec.shape, f"samples={samples}")
    most = run.diffusion.num_timesteps
    if calls is None:
        calls = [each for each in USUAL_CALLS if each <= most] or [most]
    numbers = sorted({whole_number(each, "calls") for each in calls})
    if not numbers or numbers[0] < 1 or not ways:
        raise SettingsError(f"calls: numbers from 1, and at least one sampler, wanted, got {list(calls)}, {list(ways)}")
    read = list(dict.fromkeys(Way.read(each) for each in ways))
    names = dict.fromkeys(["model", *(way.variance for way in read)])
    variants = {name: _with_variance(run, name) for name in names}
    of_ways = [(way, variants[way.variance]) for way in read]
    settings = [(way, each, variant, way.on(variant, each)) for each in numbers for way, variant in of_ways]
    steps = [each for each in numbers if each <= most]
    scored = [(name, each, variant) for name, variant in variants.items() for each in steps]
    return TradeoffPlan(Judge(run, data, samples), settings, scored if len(data.held_out) else [])


def _with_variance(run: Opened, name: str) -> Opened:
    """Return the run with another variance, or say which part of the samplers is none that it has."""
    try:
        return run.using(variance=name)
    except (SettingsError, CheckpointError) as error:
        raise type(error)(*(f"samplers: {line}" for line in error.lines)) from error


def _paired(found: Sequence[tuple[Quality, int, Float64]]) -> list[Quality]:
    """Put the difference to the best of the same number of calls in."""
    paired: list[Quality] = []
    for quality, calls, again in found:
        best, _, of_best = min((each for each in found if each[1] == calls), key=lambda each: each[0].frechet.mean)
        above = Estimate(quality.frechet.mean - best.frechet.mean, deviation(again - of_best))
        paired.append(Quality(quality.way, quality.calls, quality.steps, quality.frechet, above, quality.recognised))
    return paired
