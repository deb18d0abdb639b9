"""Which of two runs predicts the same data better: differences of their bounds, image by image."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.student import quantile, two_sided
from idm.core.text import counted
from idm.data import Codec
from idm.data.base import Indices, Samples, blocks
from idm.diffusion import GaussianDiffusion
from idm.likelihood import Estimate
from idm.likelihood.sampled import refuse_odd
from idm.run.data import Data
from idm.run.estimating import Terms, estimate_of, fit_terms, refuse_short_chain
from idm.run.opened import Opened
from idm.run.scoring import bound_of_samples, chain_to_score, in_data_units

FLOAT_BYTES = 4
SURE = 0.95
"""How often the interval of a difference holds the true one; what it excludes is told."""


@final
@dataclass(frozen=True, eq=False)
class ComparedBounds:
    """Bounds of two runs on the same samples, in bits/dim; of continuous data in the data's own units.

    Attributes:
        first: of each sample, under the first run [n].
        second: under the second one [n].
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @property
    def difference(self) -> Estimate:
        """Mean of first - second over samples, and its standard error: below 0 the first run is better.

        Pairs share what makes a sample hard, and steps and noise where both chains are alike, so that the error is far
        smaller than that of either mean.
        """
        return Estimate.of(torch.from_numpy(self.first - self.second))

    @property
    def interval(self) -> tuple[float, float]:
        """Interval that holds the true mean in 95 of 100 cases, by Student's t; nan of a single sample."""
        found = self.difference
        if not math.isfinite(found.standard_error):
            return math.nan, math.nan
        half = quantile(SURE, len(self.first) - 1) * found.standard_error
        return found.mean - half, found.mean + half

    @property
    def p_value(self) -> float:
        """How often two runs that are equally good would differ at least as much, by Student's t.

        It is nan of a single sample.
        """
        found = self.difference
        if not math.isfinite(found.standard_error):
            return math.nan
        if not found.standard_error:
            return float(found.mean == 0.0)
        return two_sided(found.mean / found.standard_error, len(self.first) - 1)

    @property
    def better(self) -> str:
        """Which run is better, "first" or "second"; "cannot be told" where the interval holds 0, or is not known."""
        low, high = self.interval
        return "first" if high < 0.0 else "second" if low > 0.0 else "cannot be told"

    def __repr__(self) -> str:
        """Write the difference in a line."""
        found, better = self.difference, self.better
        verdict = better if "cannot" in better else f"{better} is better"
        known = math.isfinite(found.standard_error)
        error, p_value = (f" ± {found.standard_error:.4f}", f", p = {self.p_value:.3g}") if known else ("", "")
        said = f"{found.mean:+.4f}{error} bits/dim, {verdict}{p_value}"
        return f"ComparedBounds({said}, {counted(len(self.first), 'sample')})"

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, numbers that are not finite among them."""
        found, means = self.difference, (Estimate.of(torch.from_numpy(one)) for one in (self.first, self.second))
        return {
            "num": len(self.first),
            **{name: vars(mean) for name, mean in zip(("first", "second"), means, strict=True)},
            "difference": {**vars(found), "interval": list(self.interval), "p_value": self.p_value},
            "better": self.better,
        }


@final
@dataclass(frozen=True)
class EqualTerms:
    """On which terms two runs are compared.

    Attributes:
        budget: calls of the network for each sample; 0: every term.
        steps: of the chains, evenly spaced; 0: all.
        num: how many held-out samples; 0: all.
        seed: sample i has the steps and the noise of seed + i.
        batch_size: (sample, step) pairs per call of the network.
    """

    budget: int = 0
    steps: int = 0
    num: int = 0
    seed: int = 0
    batch_size: int = 512


Scorer = Callable[[Opened, Data, GaussianDiffusion, int, Terms | None], Tensor]
"""Given a run, its data, a chain, the number of samples and which terms, all where None: bits/dim [n]."""


@final
@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs that can be compared: their held-out samples are the same, in the same levels.

    Attributes:
        runs: the runs.
        data: what is scored of each.
        terms: on which terms.
    """

    runs: tuple[Opened, Opened]
    data: tuple[Data, Data]
    terms: EqualTerms = field(default_factory=EqualTerms)

    def __post_init__(self) -> None:
        """Refuse what cannot be compared; errors are as of ``Run.compare``."""
        grids = [run.spec.codec.grid for run in self.runs]
        if grids[0] != grids[1]:
            raise SettingsError(f"compare: bits/dim of the same levels wanted, got those of {grids[0]} and {grids[1]}")
        if self.terms.budget:
            refuse_odd(self.terms.budget, "budget")
        for chain, _ in self.chains:
            refuse_short_chain(chain, self.terms.budget, "budget")
        _refuse_other_samples(self.runs, self.data, self.terms.num)

    @property
    def chains(self) -> list[tuple[GaussianDiffusion, int]]:
        """The process of each run whose bound is evaluated, and of how many samples."""
        steps, num = self.terms.steps, self.terms.num
        return [
            chain_to_score(run, its_data, steps=steps, num=num)
            for run, its_data in zip(self.runs, self.data, strict=True)
        ]

    def measure(self, scored: Scorer) -> ComparedBounds:
        """Score both; where terms are drawn, both are asked the same ones."""
        terms, wanted = None, self.terms
        found: list[NDArray[np.float64]] = []
        for run, its_data, (chain, count) in zip(self.runs, self.data, self.chains, strict=True):
            if wanted.budget and (terms is None or len(terms.proposal.shares) != chain.num_timesteps - 1):
                terms = fit_terms(run, its_data, chain, wanted.budget, seed=wanted.seed, batch_size=wanted.batch_size)
            found.append(scored(run, its_data, chain, count, terms).double().cpu().numpy())
        return ComparedBounds(*found)


def compare_bounds(compared: Comparison, listener: Listener = SILENT) -> ComparedBounds:
    """Evaluate the bounds of both runs; errors are as of ``Run.compare``."""
    seed, size = compared.terms.seed, compared.terms.batch_size

    def scored(run: Opened, data: Data, chain: GaussianDiffusion, count: int, terms: Terms | None) -> Tensor:
        every = range(count)
        if terms is not None:
            found = estimate_of(run, data, chain, every, terms, seed=seed, batch_size=size, listener=listener)
            return found.bits_per_dim
        vlb = bound_of_samples(run, data, chain, every, seed=seed, batch_size=size, listener=listener)
        return in_data_units(vlb, run).total_bpd

    return compared.measure(scored)


def agree(first: Samples, second: Samples, codecs: tuple[Codec, Codec]) -> bool:
    """Whether samples that either codec gives back are the same: to the last level of quantised data.

    Continuous ones come back through the ranges of both, with the rounding of 32 bits there.
    """
    if codecs[0].levels is not None:
        return np.array_equal(first, second)
    reach = max(float((np.abs(codec.offset) + np.abs(codec.scale)).max()) for codec in codecs)
    return np.allclose(first, second, rtol=1e-5, atol=1e-6 * reach)


def _refuse_other_samples(runs: tuple[Opened, Opened], data: tuple[Data, Data], num: int) -> None:
    """Refuse held-out samples that are not the same, in the data's own values.

    Raises:
        DataError: as said.
    """
    parts, codecs = [its.held_out for its in data], (runs[0].spec.codec, runs[1].spec.codec)
    counts = [min(num or part.num_read, part.num_read) for part in parts]

    def are_same(numbers: Indices) -> bool:
        first, second = (codec.decode(part.batch(numbers)[0]) for codec, part in zip(codecs, parts, strict=True))
        return agree(first, second, codecs)

    pieces = blocks(np.arange(counts[0]), FLOAT_BYTES * math.prod(parts[0].shape))
    alike = (counts[0], parts[0].shape) == (counts[1], parts[1].shape)
    if not alike or not all(map(are_same, pieces)):
        raise DataError(
            f"compare: the same held-out samples of both runs wanted, got {counts[0]:,} and {counts[1]:,} that differ; "
            "score both on others with data=PATH"
        )
