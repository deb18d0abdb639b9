"""Which of two runs predicts the same data better: differences of their bounds, image by image."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.likelihood import Estimate, StepProposal, fit_proposal, sample_bound
from idm.run.data import Data
from idm.run.opened import Opened
from idm.run.scoring import bound_of_samples, chain_to_score, in_data_units, require_held_out

PILOT_IMAGES = 16
"""Images that a proposal of steps is fitted on."""


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
    def p_value(self) -> float:
        """How often two runs that are equally good would differ at least as much; nan of a single sample."""
        found = self.difference
        if not math.isfinite(found.standard_error):
            return math.nan
        if not found.standard_error:
            return float(found.mean == 0.0)
        return 2.0 * NormalDist().cdf(-abs(found.mean) / found.standard_error)

    def __repr__(self) -> str:
        """Write the difference in a line."""
        found = self.difference
        better = "neither" if found.mean == 0.0 else "first" if found.mean < 0 else "second"
        said = f"{found.mean:+.4f} ± {found.standard_error:.4f} bits/dim, {better} is better, p = {self.p_value:.3g}"
        return f"ComparedBounds({said}, {len(self.first):,} samples)"


@final
@dataclass(frozen=True)
class Terms:
    """Which terms of the bounds are evaluated.

    Attributes:
        calls: of the network for each sample; 0: every term.
        steps: of the chains, evenly spaced; 0: all.
        num: how many held-out samples; 0: all.
        seed: sample i has the steps and the noise of seed + i.
        batch_size: (sample, step) pairs per call of the network.
    """

    calls: int = 0
    steps: int = 0
    num: int = 0
    seed: int = 0
    batch_size: int = 512


def compare_bounds(
    first: Opened, second: Opened, data: tuple[Data, Data], terms: Terms, listener: Listener = SILENT
) -> ComparedBounds:
    """Evaluate the bounds of both runs on their data, which are the same; errors are as of ``Run.compare``."""
    grids = [run.spec.codec.grid for run in (first, second)]
    if grids[0] != grids[1]:
        raise SettingsError(f"compare: bits/dim of the same levels wanted, got those of {grids[0]} and {grids[1]}")
    for run, its_data in zip((first, second), data, strict=True):
        require_held_out(run, its_data)
    _refuse_other_samples(first, second, data, terms.num)
    proposal: StepProposal | None = None
    found: list[NDArray[np.float64]] = []
    for run, its_data in zip((first, second), data, strict=True):
        chain, count = chain_to_score(run, its_data, steps=terms.steps, num=terms.num, listener=listener)
        if terms.calls:
            proposal = _proposal(run, its_data, chain, terms, proposal)
            bits = _sampled(run, its_data, chain, count, terms, proposal)
        else:
            every, size, seed = range(count), terms.batch_size, terms.seed
            vlb = bound_of_samples(run, its_data, chain, every, seed=seed, batch_size=size, listener=listener)
            bits = in_data_units(vlb, run).total_bpd
        found.append(bits.double().cpu().numpy())
    return ComparedBounds(*found)


def _proposal(
    run: Opened, data: Data, chain: GaussianDiffusion, terms: Terms, known: StepProposal | None
) -> StepProposal:
    """Return the one that is known, where it is of a chain like this, so that both runs are asked the same."""
    if known is not None and len(known.shares) == chain.num_timesteps - 1:
        return known
    x, denoise = _denoiser(run, data, chain, min(PILOT_IMAGES, len(data.held_out)))
    return fit_proposal(chain, denoise, x, seed=terms.seed, batch_size=terms.batch_size)


def _sampled(
    run: Opened, data: Data, chain: GaussianDiffusion, count: int, terms: Terms, proposal: StepProposal
) -> Tensor:
    x, denoise = _denoiser(run, data, chain, count)
    found = sample_bound(
        chain, denoise, x, proposal, calls=terms.calls, seed=terms.seed, batch_size=terms.batch_size
    ).bits_per_dim
    return require_finite(found[:, None], "bounds")[:, 0] + run.spec.codec.log2_scale


def _denoiser(run: Opened, data: Data, chain: GaussianDiffusion, count: int) -> tuple[Tensor, Denoiser]:
    """Return the first held-out samples, and what denoises them."""
    x, y = data.held_out.first(count)
    conditioning = {} if y is None else {"y": y.to(run.device)}
    return x.to(run.device), run.denoiser(chain, conditioning, clip=run.spec.codec.bounded)


def _refuse_other_samples(first: Opened, second: Opened, data: tuple[Data, Data], num: int) -> None:
    """Refuse held-out samples that are not the same, in the data's own values.

    Raises:
        DataError: as said.
    """
    x, y = (its.held_out.first(num or len(its.held_out))[0] for its in data)
    values = [run.spec.codec.decode(part) for run, part in ((first, x), (second, y))]
    # Continuous values come back through the range of either run, with its rounding.
    if x.shape != y.shape or not np.allclose(values[0], values[1], rtol=1e-5, atol=1e-5 * np.abs(values[0]).max()):
        raise DataError(
            f"compare: the same held-out samples of both runs wanted, got {len(x):,} and {len(y):,} that differ; score "
            "both on others with data=PATH"
        )
