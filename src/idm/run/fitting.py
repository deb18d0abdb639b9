"""Fitting a solver of a few calls to a trained network: what it takes is recorded, planned, solved and kept here."""

import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.run.opened import Opened
from idm.run.solver_fit import MOST_CALLS, SolverFit
from idm.run.walks import Walks, record_walks, require_levels
from idm.samplers import Sampler, SamplerFitted, SamplerMultistep, cheapest_places, fit_weights
from idm.schedules import regrid
from idm.training.memory import in_smaller_pieces

HELD_OUT_EVERY = 3
"""Each walk of that number is kept out of the fit, and measures it."""


def fit_solver(
    run: Opened, calls: int, *, guidance: float = 1.0, batch_size: int | None = None, listener: Listener = SILENT
) -> SolverFit:
    """Fit a solver to where the network's own walks lead in many steps, and keep it beside the checkpoint.

    Its levels are those whose single steps are off by least (``cheapest_places``); the weights of each step are then a
    least-squares fit (``fit_weights``). Arguments and errors as of ``Run.fit_solver``.
    """
    require_levels(run, calls, "calls", MOST_CALLS)
    size = run.batch_size if batch_size is None else whole_number(batch_size, "batch_size")
    if size < 1:
        raise SettingsError(f"batch_size: at least 1 wanted, got {batch_size}")
    if not run.sha256:
        raise SettingsError(f"run {run.folder}: a run with a checkpoint wanted to fit a solver to; load one")
    walks = record_walks(run, guidance=guidance, batch_size=size, listener=listener)
    fitted = in_smaller_pieces(size, lambda size: _fit(run, walks, calls, guidance, size, listener))
    fitted.keep(run.fits)
    return fitted


def _fit(run: Opened, walks: Walks, calls: int, guidance: float, batch_size: int, listener: Listener) -> SolverFit:
    recorded, bounded = walks.recorded, run.spec.codec.bounded
    numbers = torch.arange(recorded.states.shape[1])
    apart = numbers % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    rows, others = numbers[~apart], numbers[apart]
    known = recorded.select(rows)
    places = cheapest_places(known, calls)
    process = run.diffusion.on(recorded.grid.respace(places))
    denoise = run.denoiser(process, walks.conditioning, guidance=guidance)
    unfitted = SamplerFitted(process, bounded, guidance=guidance)
    weights = fit_weights(
        process,
        unfitted.clipped(denoise.select(rows)),
        known.at(places[-1]).to(run.device),
        lambda place: known.at(-1 if place < 0 else places[place]),
        batch_size=batch_size,
        listener=listener,
    )
    fitted = SamplerFitted(process, bounded, weights=weights, guidance=guidance)
    usual = SamplerMultistep(run.diffusion.on(regrid(run.diffusion.grid, calls, "log_snr")), bounded)
    error, of_usual = (_error(run, sampler, walks, guidance, others, batch_size) for sampler in (fitted, usual))
    kappas = tuple(process.grid.levels.kappa.tolist())
    return SolverFit(kappas, weights, guidance, error, of_usual, len(rows))


def _error(run: Opened, sampler: Sampler, walks: Walks, guidance: float, rows: Tensor, batch_size: int) -> float:
    """Root mean square distance of samples from the ends of those walks that began with the same noise."""
    denoise = sampler.clipped(run.denoiser(sampler.diffusion, walks.conditioning, guidance=guidance))
    start, end = (walks.recorded.at(place) for place in (walks.recorded.grid.num_timesteps - 1, -1))
    total = 0.0
    for part in rows.split(batch_size):
        drawn = sampler.draw(denoise.select(part), start[part].to(run.device))
        total += float((drawn.cpu() - end[part]).double().square().sum())
    return (total / end[rows].numel()) ** 0.5
