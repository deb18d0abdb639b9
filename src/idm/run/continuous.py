"""The bound of data in continuous time under a trained run, in the units of the data."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.core.text import counted
from idm.data import Codec
from idm.likelihood import SampledBound, continuous_bound
from idm.likelihood.sampled import USUAL_CALLS
from idm.metrics import BoundParts
from idm.run.bound_request import BoundRequest
from idm.run.data import Data
from idm.run.held_out_bounds import pair
from idm.run.opened import Opened


def continuous_of_samples(
    run: Opened, data: Data, numbers: range, wanted: BoundRequest, listener: Listener = SILENT
) -> SampledBound:
    """Estimate that of the held-out samples of those numbers; sample i has the levels and the noise of seed + i.

    Of ``wanted`` count the budget, 18 calls by default, seed and batch size; ``target_se`` is for chains alone.

    Raises:
        SettingsError: a run whose network predicts the mean of x_{t-1}, or whose noisiest level has no signal.
        NumericalError: bounds are not finite.
    """
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
    found = continuous_bound(
        run.diffusion,
        run.scoring_denoiser(y),
        x.to(run.device),
        calls=calls_of(wanted),
        seed=wanted.seed + numbers.start,
        batch_size=wanted.batch_size,
        listener=listener,
    )
    require_finite(torch.stack([found.bits_per_dim, found.variance], dim=1), "bounds")
    shift = run.spec.codec.log2_scale
    return replace(found, bits_per_dim=found.bits_per_dim + shift, decoder=found.decoder + shift)


def continuous_of_held_out(run: Opened, data: Data, wanted: BoundRequest, listener: Listener) -> SampledBound:
    """Estimate that of the first held-out samples; errors as of ``Run.evaluate``."""
    return continuous_of_samples(run, data, range(num_scored(data, wanted)), wanted, listener)


def num_scored(data: Data, wanted: BoundRequest) -> int:
    """Return how many held-out samples are scored."""
    return min(wanted.num or len(data.held_out), len(data.held_out))


def calls_of(wanted: BoundRequest) -> int:
    """Return how often the network is called for each sample."""
    return wanted.budget or USUAL_CALLS


def continuous_parts(found: SampledBound, codec: Codec, *, own: bool) -> BoundParts:
    """Return what metrics read of it; ``own``: whether the samples are the run's own held-out ones."""
    count = counted(len(found.bits_per_dim), "held-out sample" if own else "sample")
    grid = "densities in the data's own units" if codec.levels is None else f"probabilities of {codec.grid}"
    calls = (
        f"{counted(found.calls, 'call')} of the network each, set by a budget and by no target_se, "
        f"± {found.of_these.standard_error:.2g} for these samples"
    )
    steps = found.bits_per_dim - found.prior - found.decoder
    about = f"{count}, bound of infinitely many steps, an upper one, estimated from {calls}; {grid}"
    return BoundParts(found.bits_per_dim, found.prior, steps, found.decoder, about=about)


def continuous_to_plain(found: SampledBound) -> dict[str, Any]:
    """Return JSON-able values, numbers that are not finite among them."""
    return {"bits_per_dim": pair(found.of_data), "calls": found.calls, "of_these": pair(found.of_these)}
