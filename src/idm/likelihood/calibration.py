"""Estimate how far a denoiser is from x_0 at every level: what no schedule knows."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import NumericalError, SettingsError
from idm.core.rng import Rng
from idm.core.tensors import mean_flat
from idm.core.types import Images
from idm.diffusion import CalibratedDecoder, Denoiser, ErrorCurve, GaussianDiffusion
from idm.guidance import refuse_guided
from idm.schedules import Grid

LEVELS_AFTER_TRAINING = 32
"""Most levels of a curve; between neighbours kappa grows by a factor of 2 or less, but where chains end."""


def estimate_error_curve(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    num_levels: int = LEVELS_AFTER_TRAINING,
    seed: int | Sequence[int] = 0,
    batch_size: int = 512,
) -> ErrorCurve:
    """Estimate the mean squared error of the predicted x_0 over the noise level.

    The lowest level, whose error is the variance of the decoder, sees every sample; the samples are dealt among the
    other levels, which lie evenly in the logarithm of kappa, so that the network sees each sample twice. Errors that
    fall as noise grows are averaged until none does (isotonic regression), but for the lowest one. Estimate on training
    data: the bound of held-out data then stays a bound.

    Args:
        diffusion: the process.
        denoise: what finds x_0, clipped as the bound will be.
        x_start: clean training data in the model's range.
        num_levels: how many levels; fewer where the grid or the samples are.
        seed: seeds of the noise, as in ``evaluate_bound``.
        batch_size: images per call of the network.

    Raises:
        SettingsError: no samples, no levels, a batch size below 1, or a guided denoiser.
        NumericalError: what the network returns is not finite.
    """
    refuse_guided(denoise, "error curve")
    number = x_start.shape[0]
    refuse_nothing(number, num_levels, batch_size)
    places = spread_places(diffusion.grid, min(num_levels, number + 1))
    every = [places[0]] * number
    dealt = torch.tensor(every + [places[1 + row % (len(places) - 1)] for row in range(number) if len(places) > 1])
    errors = _errors(diffusion, denoise, x_start, dealt, Rng.from_seed(seed, number, x_start.device), batch_size)
    if not np.isfinite(errors).all():
        raise NumericalError("error curve: finite predictions of x_0 wanted, the network returns others")
    found = [errors[(dealt == place).numpy()] for place in places]
    kappa = diffusion.grid.levels.kappa.numpy()[places]
    return _curve(np.log(kappa), found)


def refuse_nothing(number: int, num_levels: int, batch_size: int) -> None:
    """Refuse to estimate from no samples, at no levels, or none at a time.

    Raises:
        SettingsError: as said.
    """
    if min(number, whole_number(num_levels, "num_levels"), whole_number(batch_size, "batch_size")) < 1:
        raise SettingsError(
            "error curve: at least one sample, one level and a batch_size of 1 wanted, "
            f"got {number}, {num_levels} and {batch_size}"
        )


def spread_places(grid: Grid, number: int) -> list[int]:
    """Choose places of a grid, the first one always, as evenly in the logarithm of kappa as it allows: the nearest."""
    log_kappa = np.log(grid.levels.kappa.numpy())
    finite = log_kappa[np.isfinite(log_kappa)]
    wanted = np.linspace(finite[0], finite[-1], number)
    return np.unique(np.searchsorted(0.5 * (finite[1:] + finite[:-1]), wanted)).tolist()


def _errors(
    diffusion: GaussianDiffusion, denoise: Denoiser, x_start: Tensor, places: Tensor, rng: Rng, batch_size: int
) -> np.ndarray:
    """Mean squared error [k n] of each of n samples at k places, given one after the other in ``places`` [k n]."""
    rows = torch.arange(len(x_start)).repeat(len(places) // len(x_start))
    noise = rng.normal("decoder", 0, x_start.shape[1:], x_start.dtype)
    errors: list[Tensor] = []
    with torch.no_grad():
        for part, at_places in zip(rows.split(batch_size), places.split(batch_size), strict=True):
            clean = x_start[part]
            at = diffusion.transition(at_places, clean).up
            found = denoise.select(part)(at.diffuse(clean, noise[part]), at)
            errors.append(mean_flat((found.x_start - clean) ** 2))
    return torch.cat(errors).cpu().double().numpy()


def _curve(log_kappa: np.ndarray, errors: list[np.ndarray]) -> ErrorCurve:
    """Average the errors [n] of each level, and those of neighbours that fall, each weighing as many samples as it has.

    The lowest level keeps its own average, which all samples made, and the others are at least that.
    """
    lowest, others = errors[0], errors[1:]
    means, spread = [float(lowest.mean())], [_standard_error(lowest)]
    fitted = isotonic(np.array([values.mean() for values in others]), np.array([len(values) for values in others]))
    for value in fitted.tolist():
        together = np.concatenate([values for values, other in zip(others, fitted, strict=True) if other == value])
        means.append(max(value, means[0]))
        spread.append(_standard_error(together) if value > means[0] else spread[0])
    return ErrorCurve(tuple(log_kappa.tolist()), tuple(means), tuple(spread))


def _standard_error(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the numbers, none below the one before, that are nearest to ``values`` [k, ...] in weighted squares [k].

    The i-th is the largest over j <= i of the smallest over l >= i of the weighted mean of values j to l (Barlow et al.
    1972, Statistical Inference under Order Restrictions, section 1.4): for the few levels of a curve fast enough.
    Further axes are columns, each by itself.
    """
    columns = weights.reshape(-1, *[1] * (values.ndim - 1))
    weight, total = (np.insert(np.cumsum(numbers, axis=0), 0, 0.0, axis=0) for numbers in (columns, columns * values))
    span = weight[None, 1:] - weight[:-1, None]
    sums = total[None, 1:] - total[:-1, None]
    means = np.where(span > 0, sums / np.where(span > 0, span, 1.0), np.inf)
    smallest = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
    places = np.arange(len(values))
    return np.maximum.accumulate(smallest, axis=0)[places, places]


def with_error_curve(diffusion: GaussianDiffusion, curve: ErrorCurve) -> GaussianDiffusion:
    """Return the same process, whose decoder has the variance that the curve says (replacing an earlier one)."""
    return diffusion.replace(model_var_type=CalibratedDecoder.of(diffusion.variance, curve))
