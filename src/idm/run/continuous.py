"""The bound of data in continuous time under a trained run, in the units of the data."""

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.core.text import counted
from idm.data import Codec
from idm.likelihood import SampledBound, continuous_bound
from idm.likelihood.sampled import USUAL_CALLS
from idm.likelihood.target import Target
from idm.metrics import BoundParts
from idm.run.bound_request import BoundRequest
from idm.run.data import Data
from idm.run.estimating import calls_for, pilot_of
from idm.run.held_out_bounds import pair
from idm.run.opened import Opened

MOST_CALLS = 10_000
"""Most calls of the network for each sample that an error may take."""


@final
@dataclass(frozen=True)
class Plan:
    """How an estimate is made.

    Attributes:
        calls: of the network for each sample.
        target: the error that they are to leave; None where none was wanted.
    """

    calls: int
    target: Target | None = None


def continuous_of_samples(
    run: Opened, data: Data, numbers: range, wanted: BoundRequest, calls: int, listener: Listener = SILENT
) -> SampledBound:
    """Estimate that of the held-out samples of those numbers; sample i has the levels and the noise of seed + i.

    Of ``wanted`` count seed and batch size; ``calls`` is that of a plan.

    Raises:
        SettingsError: a run whose network predicts the mean of x_{t-1}, or whose noisiest level has no signal.
        NumericalError: bounds are not finite.
    """
    x, y = data.held_out.batch(np.array(numbers))
    found = continuous_bound(
        run.diffusion,
        run.scoring_denoiser(y),
        x.to(run.device),
        calls=calls,
        seed=wanted.seed + numbers.start,
        batch_size=wanted.batch_size,
        listener=listener,
    )
    require_finite(torch.stack([found.bits_per_dim, found.variance], dim=1), "bounds")
    shift = run.spec.codec.log2_scale
    return replace(found, bits_per_dim=found.bits_per_dim + shift, decoder=found.decoder + shift)


def continuous_of_held_out(run: Opened, data: Data, wanted: BoundRequest, listener: Listener) -> SampledBound:
    """Estimate that of the first held-out samples; errors as of ``Run.evaluate``."""
    plan, numbers = plan_calls(run, data, wanted, listener), range(num_scored(data, wanted))
    return replace(continuous_of_samples(run, data, numbers, wanted, plan.calls, listener), target=plan.target)


def plan_calls(run: Opened, data: Data, wanted: BoundRequest, listener: Listener = SILENT) -> Plan:
    """Say how often the network is called for each sample: as often as a budget, or an error that is wanted, takes.

    The latter is foretold from a few samples, with levels and noise of their own, whose calls come on top.

    Raises:
        SettingsError: an error that takes more than 10,000 calls.
    """
    if wanted.target_se is None:
        return Plan(wanted.budget or USUAL_CALLS)
    count = num_scored(data, wanted)
    pilot, anew = pilot_of(wanted, count)
    found = continuous_of_samples(run, data, pilot, anew, USUAL_CALLS, listener)
    calls, least = calls_for(wanted.target_se, found, count, MOST_CALLS)
    if calls is None:
        raise SettingsError(
            f"target_se: at least {least:.2g} bits/dim wanted of {count:,} samples, which {MOST_CALLS:,} calls each "
            f"reach in continuous time, got {wanted.target_se:g}; take a larger one, or score more samples"
        )
    return Plan(calls, Target(wanted.target_se, len(pilot), found.calls))


def num_scored(data: Data, wanted: BoundRequest) -> int:
    """Return how many held-out samples are scored."""
    return min(wanted.num or len(data.held_out), len(data.held_out))


def continuous_parts(found: SampledBound, codec: Codec, *, own: bool) -> BoundParts:
    """Return what metrics read of it; ``own``: whether the samples are the run's own held-out ones."""
    count = counted(len(found.bits_per_dim), "held-out sample" if own else "sample")
    grid = "densities in the data's own units" if codec.levels is None else f"probabilities of {codec.grid}"
    steps = found.bits_per_dim - found.prior - found.decoder
    about = f"{count}, bound of infinitely many steps, an upper one, estimated from {found.cost}; {grid}"
    return BoundParts(found.bits_per_dim, found.prior, steps, found.decoder, about=about)


def continuous_to_plain(found: SampledBound) -> dict[str, Any]:
    """Return JSON-able values, numbers that are not finite among them."""
    return {"bits_per_dim": pair(found.of_data), "calls": found.calls, "of_these": pair(found.of_these)}
