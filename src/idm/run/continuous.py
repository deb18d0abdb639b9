"""The bound of data in continuous time under a trained run, in the units of the data."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.core.text import counted
from idm.data import Codec
from idm.likelihood import SampledBound, continuous_bound
from idm.likelihood.sampled import LEAST_CALLS, USUAL_CALLS
from idm.metrics import BoundParts
from idm.run.bound_request import BoundRequest
from idm.run.data import Data
from idm.run.estimating import PILOT_IMAGES, SURPLUS, calls_for
from idm.run.held_out_bounds import pair
from idm.run.opened import Opened

MOST_CALLS = 10_000
"""Most calls of the network for each sample that an error may take."""


def continuous_of_samples(
    run: Opened, data: Data, numbers: range, wanted: BoundRequest, calls: int, listener: Listener = SILENT
) -> SampledBound:
    """Estimate that of the held-out samples of those numbers; sample i has the levels and the noise of seed + i.

    Of ``wanted`` count seed and batch size; ``calls`` is as of ``plan_calls``.

    Raises:
        SettingsError: a run whose network predicts the mean of x_{t-1}, or whose noisiest level has no signal.
        NumericalError: bounds are not finite.
    """
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
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
    numbers = range(num_scored(data, wanted))
    return continuous_of_samples(run, data, numbers, wanted, plan_calls(run, data, wanted), listener)


def plan_calls(run: Opened, data: Data, wanted: BoundRequest) -> int:
    """Return how often the network is called for each sample: as often as a budget, or an error that is wanted, takes.

    The latter is foretold from a few samples, whose calls come on top.

    Raises:
        SettingsError: an error that takes more than 10,000 calls.
    """
    if wanted.target_se is None:
        return wanted.budget or USUAL_CALLS
    count, pilot = num_scored(data, wanted), range(min(PILOT_IMAGES, len(data.held_out)))
    found = continuous_of_samples(run, data, pilot, wanted, USUAL_CALLS)
    needed, error = calls_for(wanted.target_se, found, count)
    if needed > MOST_CALLS:
        least = error * math.sqrt(SURPLUS * found.calls / MOST_CALLS)
        raise SettingsError(
            f"target_se: at least {least:.2g} bits/dim wanted of {count:,} samples, which {MOST_CALLS:,} calls each "
            f"reach in continuous time, got {wanted.target_se:g}; take a larger one, or score more samples"
        )
    # Of more calls the decoder has another two of every 18, so that between these its own scatter does not fall.
    step = 2 if needed <= USUAL_CALLS else USUAL_CALLS
    return max(LEAST_CALLS, step * math.ceil(needed / step))


def num_scored(data: Data, wanted: BoundRequest) -> int:
    """Return how many held-out samples are scored."""
    return min(wanted.num or len(data.held_out), len(data.held_out))


def continuous_parts(found: SampledBound, codec: Codec, *, own: bool) -> BoundParts:
    """Return what metrics read of it; ``own``: whether the samples are the run's own held-out ones."""
    count = counted(len(found.bits_per_dim), "held-out sample" if own else "sample")
    grid = "densities in the data's own units" if codec.levels is None else f"probabilities of {codec.grid}"
    calls = (
        f"{counted(found.calls, 'call')} of the network each, ± {found.of_these.standard_error:.2g} for these samples"
    )
    steps = found.bits_per_dim - found.prior - found.decoder
    about = f"{count}, bound of infinitely many steps, an upper one, estimated from {calls}; {grid}"
    return BoundParts(found.bits_per_dim, found.prior, steps, found.decoder, about=about)


def continuous_to_plain(found: SampledBound) -> dict[str, Any]:
    """Return JSON-able values, numbers that are not finite among them."""
    return {"bits_per_dim": pair(found.of_data), "calls": found.calls, "of_these": pair(found.of_these)}
