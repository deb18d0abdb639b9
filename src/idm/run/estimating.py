"""The bound of data from a few calls of the network for each sample: how many, of which steps, and the estimates."""

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.diffusion import GaussianDiffusion
from idm.likelihood import SampledBound, StepProposal, fit_proposal, sample_bound
from idm.likelihood.sampled import LEAST_CALLS, USUAL_CALLS
from idm.run.bound_request import BoundRequest
from idm.run.data import Data
from idm.run.opened import Opened

PILOT_IMAGES = 16
"""Samples that a proposal of steps is fitted on, and that an error is foretold from."""

SURPLUS = 1.25
"""How many more calls are made than a pilot says, whose variance is itself an estimate."""


@final
@dataclass(frozen=True, eq=False)
class Terms:
    """Which terms of a bound are evaluated for each sample.

    Attributes:
        calls: of the network, as of ``sample_bound``.
        proposal: how likely steps are.
    """

    calls: int
    proposal: StepProposal


def plan_terms(run: Opened, data: Data, chain: GaussianDiffusion, count: int, wanted: BoundRequest) -> Terms | None:
    """Fit how likely steps are, and find how many calls are to be made for each sample; None: every term is evaluated.

    Args:
        run: the trained model.
        data: what is scored.
        chain: whose bound is meant.
        count: how many held-out samples.
        wanted: what it may cost; the calls of the pilot, of a few samples, come on top.

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
    pilot = range(min(PILOT_IMAGES, len(data.held_out)))
    found = estimate_of(run, data, chain, pilot, terms, seed=seed, batch_size=size)
    needed, error = calls_for(target_se, found, count)
    if needed > most:
        least = error * math.sqrt(SURPLUS * found.calls / most)
        raise SettingsError(
            f"target_se: at least {least:.2g} bits/dim wanted of {count:,} samples, which {most:,} calls each reach, "
            f"got {target_se:g}; leave it out, as the full sum has as many"
        )
    return replace(terms, calls=max(LEAST_CALLS, 2 * math.ceil(needed / 2)))


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


def calls_for(target_se: float, pilot: SampledBound, count: int) -> tuple[float, float]:
    """Say what brings the error of the mean of ``count`` samples down, where variance falls as 1 / calls.

    Returns:
        How many calls for each sample do, and the error that those of the pilot would leave.
    """
    error = math.sqrt(float(pilot.variance.mean()) / count)
    return SURPLUS * pilot.calls * (error / target_se) ** 2, error


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
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
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
