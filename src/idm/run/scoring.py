"""The bound of data under a trained run, in the units of the data."""

import numpy as np
import torch
from torch import Tensor

from idm.core.counts import at_least
from idm.core.errors import DataError
from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.diffusion import GaussianDiffusion
from idm.likelihood import (
    VLB,
    Estimate,
    SampledBound,
    VarianceFractions,
    estimate_bpd,
    evaluate_bound,
    variance_fractions,
)
from idm.likelihood.fractions import learned_rule
from idm.run.baseline import histogram_of
from idm.run.data import Data
from idm.run.held_out_bounds import EstimatedBound, HeldOutBound
from idm.run.opened import Opened
from idm.run.variance import of_model, one_curve
from idm.schedules import refuse_more_steps, spaced

FRACTIONS_OF = 32
"""Samples that the learned variance is looked at for."""


def held_out_bound(
    run: Opened,
    data: Data,
    *,
    steps: int = 0,
    plan: str | None = None,
    num: int = 0,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> HeldOutBound:
    """Evaluate the bound of the held-out part of data; the other arguments and the errors are as of ``Run.evaluate``.

    Args:
        run: the trained model.
        data: its data, from ``open_run_data``, or others, from ``open_data_to_score``.
        steps: of the chain, evenly spaced; 0: all.
        plan: which levels it has instead.
        num: how many samples; 0: all.
        seed: of the noise.
        batch_size: (sample, step) pairs per call of the network.
        listener: hears how it gets on.
    """
    chain, count = chain_to_score(run, data, steps=steps, plan=plan, num=num, listener=listener)
    vlb = bound_of_samples(run, data, chain, range(count), seed=seed, batch_size=batch_size, listener=listener)
    return summary(run, data, chain, vlb, batch_size=batch_size)


def chain_to_score(
    run: Opened, data: Data, *, steps: int = 0, plan: str | None = None, num: int = 0, listener: Listener = SILENT
) -> tuple[GaussianDiffusion, int]:
    """Return the process whose bound is evaluated, and the number of held-out samples; arguments as above.

    Raises:
        DataError: nothing is held out.
        SettingsError: more steps than there are, or numbers below 0.
    """
    num = at_least(0, num, "num")
    require_held_out(run, data)
    return chain_of(run, steps, plan, listener), min(num or len(data.held_out), len(data.held_out))


def require_held_out(run: Opened, data: Data) -> None:
    """Refuse data of which nothing is held out.

    Raises:
        DataError: as said.
    """
    if len(data.held_out) == 0:
        raise DataError(f"data.held_out: held-out samples wanted for a bound, got none; {_way_out(run)}")


def chain_of(run: Opened, steps: int, plan: str | None = None, listener: Listener = SILENT) -> GaussianDiffusion:
    """Return the process on that many evenly spaced steps, or on those of a plan; 0: on all of them.

    The listener hears how planning gets on.

    Raises:
        SettingsError: more steps than there are, or no such plan.
        CheckpointError: the plan, or what it is made from, is that of another checkpoint, or damaged.
    """
    if plan is not None:
        return run.diffusion.on(run.planned_grid(plan, {"steps": steps} if steps else {}, listener))
    steps = at_least(0, steps, "steps")
    refuse_more_steps(run.diffusion.grid, steps, "steps")
    return run.diffusion.respace(spaced(run.diffusion.num_timesteps, steps)) if steps else run.diffusion


def _way_out(run: Opened) -> str:
    """Say why a run has no held-out samples, and what works without them."""
    settings, total = run.experiment.data, run.spec.num_train
    if settings.held_out_list or settings.held_out_folder:
        reason = "the list or folder of this run names none"
    elif settings.held_out:
        reason = f"{settings.held_out:g} of its {total:,} samples is less than one"
    else:
        reason = "this run was trained with data.held_out=0"
    return f"{reason}: score other data with data=PATH, or train a new run with a number such as data.held_out=1"


def bound_of_samples(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    numbers: range,
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> VLB:
    """Evaluate the bound of the held-out samples of those numbers; sample i has the noise of seed + i.

    Raises:
        NumericalError: bounds are not finite.
    """
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
    return bound_of(run, chain, x, y, seed=seed + numbers.start, batch_size=batch_size, listener=listener)


def bound_of(
    run: Opened,
    chain: GaussianDiffusion,
    x: Tensor,
    y: Tensor | None,
    *,
    seed: int = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> VLB:
    """Evaluate the bound of samples in the model's range, of labels y; sample i has the noise of seed + i.

    Raises:
        NumericalError: bounds are not finite.
    """
    denoise, x = run.scoring_denoiser(y, chain), x.to(run.device)
    found = evaluate_bound(chain, denoise, x, seed=seed, batch_size=batch_size, listener=listener)
    require_finite(torch.stack([found.total_bpd, found.xstart_mse.sum(1), found.mse.sum(1)], dim=1), "bounds")
    return found


def bits_per_dim(run: Opened, vlb: VLB) -> Estimate:
    """Return the mean of bounds in the units of the data, with its standard error over samples."""
    return Estimate.of(in_data_units(vlb, run).total_bpd)


def summary(run: Opened, data: Data, chain: GaussianDiffusion, vlb: VLB, *, batch_size: int = 512) -> HeldOutBound:
    """Say what the bound of the first held-out samples comes to; the network sees ``batch_size`` of them at once."""
    histogram = _histogram(run, data, len(vlb.total_bpd))
    fractions = _fractions(run, data, batch_size)
    return HeldOutBound(in_data_units(vlb, run), chain.grid.levels.time.tolist(), histogram, fractions)


def summary_of_estimate(run: Opened, data: Data, chain: GaussianDiffusion, found: SampledBound) -> EstimatedBound:
    """Say what estimates of the bound of the first held-out samples come to."""
    return EstimatedBound(found, chain.num_timesteps, _histogram(run, data, len(found.bits_per_dim)))


def _fractions(run: Opened, data: Data, batch_size: int) -> VarianceFractions | None:
    """Compare what was learned of the variance with the best of it; None where nothing was, or that is not known."""
    rule = learned_rule(run.diffusion.variance)
    curve = one_curve(of_model(run.diffusion.variance, run.curves), run.curves)
    if rule is None or curve is None:
        return None
    x, y = data.held_out.first(FRACTIONS_OF)
    denoise, x = run.scoring_denoiser(y), x.to(run.device)
    return variance_fractions(run.diffusion, rule, denoise, x, curve, batch_size=batch_size)


def held_out_estimate(run: Opened, data: Data, *, num: int = 256, seed: int = 0, batch_size: int = 128) -> Estimate:
    """Estimate the bound of held-out data quickly, from a few random terms for each of at most ``num`` samples.

    The same samples, steps and noise are drawn whenever it is called, so that checkpoints are compared on equal terms.
    """
    x, y = data.held_out.first(num)
    denoise, x = run.scoring_denoiser(y), x.to(run.device)
    bpd = estimate_bpd(run.diffusion, denoise, x, seed=seed, batch_size=batch_size)
    return Estimate.of(bpd + run.spec.codec.log2_scale)


def in_data_units(vlb: VLB, run: Opened) -> VLB:
    """A density changes with the units of the data; the decoder's term carries the change."""
    shift = run.spec.codec.log2_scale
    if shift == 0.0:
        return vlb
    decoder = torch.cat([vlb.vb[:, :1] + shift, vlb.vb[:, 1:]], dim=1)
    return VLB(vlb.total_bpd + shift, vlb.prior_bpd, decoder, vlb.xstart_mse, vlb.mse)


def _histogram(run: Opened, data: Data, count: int) -> Estimate | None:
    levels = run.spec.codec.levels
    if levels is None or levels > len(data.train):
        return None  # histograms need several samples per level to be a baseline worth printing
    return histogram_of(data, levels, count)
