"""Metrics that compare samples with real data, each beside its null: real data against real data.

Of m real samples n are put in the place of the samples, and compared with the m - n others, many times over; the
samples are compared with as many real ones. That says what real data have. How often they are as bad as the samples is
counted elsewhere: both sides are thrown together, and n of them put in the place of the samples. Were the samples drawn
from the distribution of the data, all ways to do so would be alike, and that of the samples one of them: of D others
and itself it is among the worst a D + 1 at most so often as a, and the share that is as bad a p-value for any metric,
any data and any numbers (Fisher 1935; Phipson & Smyth 2010). So is h by the number of ways that were tried until h were
as bad, where that comes first (Besag & Clifford 1991): what is no worse than usual is known to be so soon, and many are
tried of what is. That is not so of real data among themselves: all their drawings are parts of one set, which differ
less than two sets do. As many of either side are compared as the first needs: n is half of m at the most. Samples and
data are shuffled by what they are first, so that the order they came in counts for nothing, and those that are compared
are a random choice.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge
from jaxtyping import Bool, Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import derive_seed
from idm.core.text import counted
from idm.metrics.by_sample import BySample, Look
from idm.metrics.evidence import Evidence, Labelled, Needs, Setup
from idm.metrics.figure import Better, Figure
from idm.metrics.p_values import is_known, null_of

Statistic = Callable[[Bool[Tensor, " N"]], Sequence[float]]
"""Given which rows of a pool are on the first side: the numbers that tell both sides apart."""

USUAL_DRAWINGS, MOST_NULLS = 999, 200
"""Most exchanges of samples and real data, and most drawings of real data in the place of samples."""

TRIED_AT_ONCE = 50
"""Exchanges that are tried before it is looked whether enough of them are as bad as the samples."""

FEWEST_SAMPLES = 10
"""Fewest samples on either side."""

AT_ONCE = 1_024
"""Rows that are held in float64 at once, to find their order."""

TURNS = 256.0
"""How strongly the order of rows depends on what all of them are: 1 / 256 of the usual difference shuffles anew."""

FEATURES = "features"
"""What rows of features are called."""

NUM_PARTS = 10
"""Parts of the samples that are left out in turn, for the standard error."""


@dataclass(frozen=True)
class Kind:
    """What a number of a comparison is; see ``Figure``."""

    name: str
    note: str
    better: Better = Better.LOWER
    unit: str = ""


@dataclass(frozen=True)
class Comparison(BySample):
    """Compares samples with real data.

    Attributes:
        drawings: how often samples and real data change places at the most; so often, or 200 times if that is less,
            real data take the place of samples. 0: never, and figures have no null.
    """

    needs: ClassVar[Needs] = Needs.SAMPLES | Needs.REAL
    sees: ClassVar[str] = FEATURES
    most_seen: ClassVar[int] = 10_000
    look_needs: ClassVar[Needs] = Needs.NOTHING
    kinds: ClassVar[tuple[Kind, ...]]
    most: ClassVar[int] = 10_000
    """Most rows of both sides that are compared."""

    drawings: Annotated[int, Ge(0)] = USUAL_DRAWINGS

    def look(self, evidence: Evidence) -> Look:
        """See the features of samples."""
        return lambda of: evidence.features(of.x)

    def beside(self, evidence: Evidence) -> Labelled:
        """Return the real data that samples are compared with."""
        return evidence.real

    @abstractmethod
    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Return what compares some rows of a pool with the others."""

    def check(self, setup: Setup) -> None:
        """Refuse too few samples."""
        if min(setup.num_samples, setup.num_real // 2) < FEWEST_SAMPLES:
            raise SettingsError(
                f"{setup.refused}at least {FEWEST_SAMPLES} of them and {2 * FEWEST_SAMPLES} real ones "
                f"wanted to compare, got {setup.num_real} real ones; {setup.more}, or leave the metric out"
            )

    def judge(self, rows: Float[Tensor, "n k"], real: Float[Tensor, "m k"], evidence: Evidence) -> list[Figure]:
        """Compare, and do the same of real data."""
        count = min(len(rows), len(real) // 2, self.most // 2)
        if count < 1:
            raise SettingsError(f"samples: one and two real ones wanted, got {len(rows)} and {len(real)}")
        samples, known = in_own_order(rows, count, "samples"), in_own_order(real, self.most, "real")
        values, exchanged = self.exchange(samples, known[count:])
        error, real_values = self._standard_error(samples, known[count:]), self.nulls(known, count)
        sizes = f"{counted(count, 'sample')} and {len(known) - count:,} real"
        return [
            Figure(
                kind.name,
                values[i],
                error[i],
                unit=kind.unit,
                better=kind.better,
                num=count,
                note=f"{kind.note}; {sizes}",
                null=null_of(kind.better, values[i], exchanged[:, i], real_values[:, i]) if self.drawings else None,
            )
            for i, kind in enumerate(self.kinds)
        ]

    def compare(self, samples: Float[Tensor, "n k"], others: Float[Tensor, "m k"]) -> Sequence[float]:
        """Return the numbers that tell both sides apart."""
        return self.prepare(torch.cat([samples, others]))(_first(len(samples), len(samples) + len(others)))

    def exchange(
        self, samples: Float[Tensor, "n k"], others: Float[Tensor, "m k"]
    ) -> tuple[Sequence[float], np.ndarray]:
        """Return the numbers that tell both sides apart, and [tried, k] of those where they change places, in turn.

        No more are tried where enough are as bad of every number.
        """
        count, number = len(samples), len(samples) + len(others)
        statistic = self.prepare(torch.cat([samples, others]))
        values, found = statistic(_first(count, number)), np.empty((0, len(self.kinds)))
        drawn = self._drawn(statistic, count, number, self.drawings, "exchanged")
        while len(some := list(islice(drawn, TRIED_AT_ONCE))):
            found = np.concatenate([found, some])
            if all(
                is_known(kind.better, value, tried)
                for kind, value, tried in zip(self.kinds, values, found.T, strict=True)
            ):
                break
        return values, found

    def nulls(self, real: Float[Tensor, "m k"], count: int) -> np.ndarray:
        """Return numbers of ``count`` real ones in the place of samples, beside the others [min(drawings, 200), k]."""
        most = min(self.drawings, MOST_NULLS)
        drawn = self._drawn(self.prepare(real), count, len(real), most, "null") if most else iter(())
        return np.array(list(drawn)).reshape(most, len(self.kinds))

    def _drawn(
        self, statistic: Statistic, count: int, number: int, drawings: int, purpose: str
    ) -> Iterator[Sequence[float]]:
        """Go through numbers of ``count`` of the rows at random beside the others."""
        rng = np.random.default_rng(derive_seed(number, purpose, count))
        return (statistic(torch.from_numpy(rng.permutation(number) < count)) for _ in range(drawings))

    def _standard_error(self, samples: Tensor, others: Tensor) -> Sequence[float]:
        """Leave out a tenth of the samples in turn: the jackknife, in which no sample counts twice."""
        if len(samples) < 2 * NUM_PARTS:
            return [float("nan")] * len(self.kinds)
        group = torch.arange(len(samples)) % NUM_PARTS
        without = np.array([self.compare(samples[group != out], others) for out in range(NUM_PARTS)])
        return np.sqrt((NUM_PARTS - 1) * without.var(0)).tolist()


def _first(count: int, number: int) -> Tensor:
    return torch.arange(number) < count


def in_own_order(rows: Float[Tensor, "n k"], most: int, side: str) -> Float[Tensor, "m k"]:
    """Return some rows in float64, shuffled in a way that is the same in whatever order they come: by what they are.

    Where a row lies in the shuffled order depends on its rank along one direction, and on a sum over all rows. By rank
    alone, all sets of one size would keep the same ranks, and be shifted alike. Both change smoothly: features that are
    rounded otherwise move a few rows.

    Args:
        rows: of one side.
        most: how many are wanted.
        side: name of the side; those of two sides are shuffled apart from each other.
    """
    weights = torch.from_numpy(np.random.default_rng(derive_seed(0, "own order")).normal(size=rows.shape[1]))
    places, by_place = torch.cat([part.double() @ weights for part in rows.split(AT_ONCE)]).sort()
    apart = places - places.mean()
    scaled = apart / (apart.square().mean().sqrt() + torch.finfo(torch.float64).tiny)
    turn = float(torch.cos(scaled + 1.0).sum()) / math.sqrt(max(1, len(rows)))  # of order 1 between sets of real data
    rng = np.random.default_rng(derive_seed(len(rows), f"shuffled {side}"))
    start, speed = rng.random(len(rows)), TURNS * rng.normal(size=len(rows))
    order = np.argsort((start + speed * turn) % 1.0, kind="stable")
    return rows[by_place[torch.from_numpy(order)][:most]].double()
