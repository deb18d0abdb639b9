"""The likelihood of data by the probability flow of a trained run, in the units of the data."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idm.core.progress import SILENT, Listener, warn
from idm.core.tensors import require_finite
from idm.core.text import counted
from idm.data import Codec
from idm.likelihood import FlowLikelihood, flow_likelihood
from idm.likelihood.flow import FEWEST_STEPS
from idm.metrics import FlowScores
from idm.run.data import Data
from idm.run.held_out_bounds import pair
from idm.run.opened import Opened

FLOW_IMAGES = 64
"""Samples that a call of the network is given with its gradient, at the most, however large a batch is asked for."""


def flow_of(
    run: Opened,
    x: Tensor,
    y: Tensor | None,
    *,
    steps: int,
    probes: int | None = None,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> FlowLikelihood:
    """Evaluate the density of samples in the model's range, of labels y, in the data's units; sample i has seed + i.

    Batches are of at most 64 samples. Other arguments, and errors, as of ``flow_likelihood``.

    Raises:
        NumericalError: densities are not finite.
    """
    found = flow_likelihood(
        run.diffusion,
        run.denoiser(run.diffusion, run.spec.label_kind.given(None if y is None else y.to(run.device))),
        x.to(run.device),
        steps=steps,
        probes=probes,
        bin_width=run.spec.codec.bin_width,
        seed=seed,
        batch_size=min(batch_size, FLOW_IMAGES),
        listener=listener,
    )
    require_finite(torch.stack([found.bits_per_dim, found.of_half], dim=1), "densities")
    shift = run.spec.codec.log2_scale
    return replace(found, bits_per_dim=found.bits_per_dim + shift, of_half=found.of_half + shift)


def flow_of_samples(run: Opened, data: Data, numbers: range, *, seed: int = 0, **options: Any) -> FlowLikelihood:
    """Evaluate that of the held-out samples of those numbers; options as of ``flow_of``."""
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
    return flow_of(run, x, y, seed=seed + numbers.start, **options)


def warn_of_few_steps(found: FlowLikelihood) -> FlowLikelihood:
    """Say that the solver takes too few steps, where it does, and return what was found as it is."""
    if found.has_few_steps:
        error = found.mean.standard_error
        beside = f", beside a standard error of {error:.2g}" if math.isfinite(error) else ""
        reason = f"half of them move samples by {found.rms_moved:.2g} bits/dim (root mean square){beside}"
        if found.steps < FEWEST_STEPS:
            reason = f"fewer than {FEWEST_STEPS} tell nothing of how far off they are"
        warn(f"flow_steps: {found.steps} are few, as {reason}; take {max(FEWEST_STEPS, 2 * found.steps)}")
    return found


def flow_scores(found: FlowLikelihood, codec: Codec, *, own: bool) -> FlowScores:
    """Return what metrics read of it; ``own``: whether the samples are the run's own held-out ones."""
    count = counted(len(found.bits_per_dim), "held-out sample" if own else "sample")
    trace = f"traces by {counted(found.probes, 'probe')}" if found.probes else "exact traces"
    few = found.has_few_steps
    if codec.levels is None:
        kind = f"{'too few steps for ' if few else ''}densities in the data's own units"
    else:
        kind = f"{'too few steps to bound' if few else 'an upper bound for'} probabilities of {codec.grid}"
    solved = f"{counted(found.steps, 'step')}, half of which move it by {found.moved.mean:+.2g}, {trace}"
    return FlowScores(found.bits_per_dim, f"{count}, probability flow of {solved}; {kind}")


def flow_to_plain(found: FlowLikelihood) -> dict[str, Any]:
    """Return JSON-able values, numbers that are not finite among them."""
    return {
        "steps": found.steps,
        "probes": found.probes,
        "bits_per_dim": pair(found.mean),
        "moved_by_halving": pair(found.moved) | {"root_mean_square": found.rms_moved},
        "has_few_steps": found.has_few_steps,
    }
