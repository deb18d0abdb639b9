"""The bound of data from a few calls of the network for each sample: how many, of which steps, and the estimates."""

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.rng import derive_seed
from idm.core.tensors import require_finite
from idm.diffusion import GaussianDiffusion
from idm.likelihood import SampledBound, StepProposal, fit_proposal, sample_bound
from idm.likelihood.sampled import USUAL_CALLS, num_lowest_of
from idm.likelihood.target import Target
from idm.run.bound_request import BoundRequest
from idm.run.data import Data
from idm.run.opened import Opened

PILOT_IMAGES = 16
"""Samples that a proposal of steps is fitted on, and that an error is foretold from."""

SURPLUS = 1.5
"""How much larger than a pilot says a variance is taken to be, which is itself an estimate."""


@final
@dataclass(frozen=True, eq=False)
class Terms:
    """Which terms of a bound are evaluated for each sample.

    Attributes:
        calls: of the network, as of ``sample_bound``.
        proposal: how likely steps are.
        target: the error that they are to leave; None where none was wanted.
    """

    calls: int
    proposal: StepProposal
    target: Target | None = None


def plan_terms(
    run: Opened, data: Data, chain: GaussianDiffusion, count: int, wanted: BoundRequest, listener: Listener = SILENT
) -> Terms | None:
    """Fit how likely steps are, and find how many calls are to be made for each sample; None: every term is evaluated.

    Args:
        run: the trained model.
        data: what is scored.
        chain: whose bound is meant.
        count: how many held-out samples.
        wanted: what it may cost; the calls of the pilot, of a few samples, come on top.
        listener: hears how the pilot gets on.

    Raises:
        SettingsError: more calls than the chain has steps, of which the full sum is the better one.
    """
    budget, target_se, most = wanted.budget, wanted.target_se, chain.num_timesteps
    if not budget and target_se is None:
        return None
    refuse_short_chain(chain, budget or USUAL_CALLS, "budget" if budget else "target_se")
    seed, size = wanted.seed, wanted.batch_size
    terms = fit_terms(run, data, chain, budget or USUAL_CALLS, seed=seed, batch_size=size)
    if target_se is None:
        return terms
    pilot, anew = pilot_of(wanted, count)
    found = estimate_of(run, data, chain, pilot, terms, seed=anew.seed, batch_size=size, listener=listener)
    calls, least = calls_for(target_se, found, count, most)
    if calls is None:
        raise SettingsError(
            f"target_se: at least {least:.2g} bits/dim wanted of {count:,} samples, which {most:,} calls each reach, "
            f"got {target_se:g}; leave it out, as the full sum has as many"
        )
    return replace(terms, calls=calls, target=Target(target_se, len(pilot), found.calls))


def refuse_short_chain(chain: GaussianDiffusion, calls: int, name: str) -> None:
    """Refuse more calls than a chain has steps, of which the full sum is the better one.

    Args:
        chain: whose bound is meant.
        calls: of the network for each sample.
        name: what the caller calls them.

    Raises:
        SettingsError: as said.
    """
    if calls > chain.num_timesteps:
        raise SettingsError(
            f"{name}: a chain of {calls:,} steps or more wanted, got {chain.num_timesteps:,}; leave it out"
        )


def fit_terms(
    run: Opened, data: Data, chain: GaussianDiffusion, calls: int, *, seed: int = 0, batch_size: int = 512
) -> Terms:
    """Fit how likely steps are on the first held-out samples; arguments as above.

    Raises:
        SettingsError: a chain of a single step.
    """
    x, y = data.held_out.first(PILOT_IMAGES)
    denoise = run.scoring_denoiser(y, chain)
    return Terms(calls, fit_proposal(chain, denoise, x.to(run.device), seed=seed, batch_size=batch_size))


def pilot_of(wanted: BoundRequest, count: int) -> tuple[range, BoundRequest]:
    """Return which of the first ``count`` samples an error is foretold from, and the request with a seed of its own.

    Under the seed of the estimate itself its calls would depend on its own noise, and what it says be biased.
    """
    return range(0, count, -(-count // PILOT_IMAGES)), replace(wanted, seed=derive_seed(wanted.seed, "pilot"))


def calls_for(target_se: float, pilot: SampledBound, count: int, most: int) -> tuple[int | None, float]:
    """Find the fewest calls that bring the error of the mean of ``count`` samples down to one that is wanted.

    From those of a pilot on, the variance of the decoder falls with its draws, that of the rest as 1 / its strata or
    faster. Of fewer calls it would grow faster than that, so that none fewer are made.

    Args:
        target_se: the error that is wanted, bits/dim.
        pilot: estimates of a few samples.
        count: of how many samples the mean is.
        most: calls of the network for each sample.

    Returns:
        How many calls for each sample do, None where ``most`` do not; and the error that ``most`` leave.
    """
    calls = np.arange(pilot.calls, most + 1, 2)
    lowest = np.array([num_lowest_of(int(each)) for each in calls])
    decoder = float(pilot.decoder_variance.mean())
    others = float((pilot.variance - pilot.decoder_variance).mean())
    num_lowest = num_lowest_of(pilot.calls)
    variance = decoder * num_lowest / lowest + others * (pilot.calls - num_lowest) / (calls - lowest)
    error = np.sqrt(SURPLUS * variance / count)
    enough = np.flatnonzero(error <= target_se)
    return (int(calls[enough[0]]) if len(enough) else None), float(error.min(initial=math.inf))


def estimate_of(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    numbers: range,
    terms: Terms,
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> SampledBound:
    """Estimate the bound of the held-out samples of those numbers, in the data's units; sample i has seed + i.

    Raises:
        NumericalError: bounds are not finite.
    """
    x, y = data.held_out.batch(np.array(numbers))
    found = sample_bound(
        chain,
        run.scoring_denoiser(y, chain),
        x.to(run.device),
        terms.proposal,
        calls=terms.calls,
        seed=seed + numbers.start,
        batch_size=batch_size,
        listener=listener,
    )
    require_finite(torch.stack([found.bits_per_dim, found.variance], dim=1), "bounds")
    shift = run.spec.codec.log2_scale
    return replace(found, bits_per_dim=found.bits_per_dim + shift, decoder=found.decoder + shift)
