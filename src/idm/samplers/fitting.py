"""Fitting the weights of a multistep solver to recorded walks of the same network, step after step in closed form.

Weights of an exponential rule assume that x_0 is a polynomial in the log SNR. Those that bring this network's own walks
nearest to where they lead in many small steps are a linear regression of a few unknowns. As in Frankel et al. 2025
(S4S) the solver is fitted to its network, but without gradients: each step is solved for once, and walked with.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.core.tensors import wide
from idm.core.types import Images
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.samplers.fitted import MOST_VALUES, StepWeights, exponential_weights
from idm.schedules import Level

RIDGE = 1e-4
"""How much weights are drawn to those of the exponential rule, in units of the mean square of what they multiply."""


def fit_weights(
    process: GaussianDiffusion,
    denoise: Denoiser,
    x: Images,
    target_at: Callable[[int], Tensor],
    *,
    ridge: float = RIDGE,
    batch_size: int = 256,
    listener: Listener = SILENT,
) -> tuple[StepWeights, ...]:
    """Find the weights of every step: the least squared distance to where the same walk is in many small steps.

    The walk is the solver's own, with the errors of its earlier steps, which later ones thus make up for.

    Args:
        process: on the levels of the solver.
        denoise: finds x_0 on them, clipped or not as it was made.
        x: x_T.
        target_at: states of the fine walks at a place of the grid, -1 being clean data.
        ridge: see ``RIDGE``; with less, weights that the walks do not tell apart are the sooner far from those.
        batch_size: samples per call of the network.
        listener: hears how it gets on.

    Returns:
        Weights for a ``SamplerFitted``.
    """
    steps, fitted, values = process.num_timesteps, list[StepWeights](), tuple[Tensor, ...]()
    with torch.no_grad(), listener.follow("fitting", steps) as bar:
        for i in range(steps - 1, -1, -1):
            found = _x_start(denoise, x, process.grid.level(i, x), batch_size)
            values = (found, *values)[:MOST_VALUES]
            start = exponential_weights(process, i, len(values))
            weights = nearest_weights((x, *values), target_at(i - 1).to(x), start, ridge)
            x = weights.walk(x, values)
            fitted.append(weights)
            bar.advance()
    return tuple(reversed(fitted))


def nearest_weights(known: Sequence[Tensor], target: Tensor, start: StepWeights, ridge: float = RIDGE) -> StepWeights:
    """Return the weights w that make sum_j w_j known_j nearest to ``target``, drawn to ``start``: ridge regression.

    Args:
        known: the sample, then the values of x_0.
        target: what their sum is to be.
        start: weights of the sample and of the first of the values; others start at 0.
        ridge: weight of |w - start|^2, in units of the mean square of what is known.
    """
    columns = torch.stack([wide(part).flatten() for part in known])
    begin = torch.zeros(len(known), dtype=torch.float64)
    begin[: 1 + len(start.values)] = torch.tensor([start.keep, *start.values], dtype=torch.float64)
    missing = wide(target).flatten() - begin.to(columns.device) @ columns
    gram, wanted = (columns @ columns.T).cpu(), (columns @ missing).cpu()
    gram += ridge * gram.diagonal().mean() * torch.eye(len(known), dtype=torch.float64)
    keep, *values = (begin + torch.linalg.solve(gram, wanted)).tolist()
    return StepWeights(keep, tuple(values))


def _x_start(denoise: Denoiser, x: Images, at: Level, batch_size: int) -> Tensor:
    """Call the network on some of the samples at a time."""
    parts = torch.arange(len(x)).split(batch_size)
    return torch.cat([denoise.select(rows)(x[rows], at).x_start for rows in parts])
