"""Estimate the error curves of a denoiser after training: of all values together, of channels, and of each value."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from idm.core.errors import NumericalError
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng
from idm.core.tensors import wide
from idm.core.types import Images
from idm.diffusion import Denoiser, ErrorCurve, ErrorCurves, GaussianDiffusion
from idm.guidance import refuse_guided
from idm.likelihood.calibration import isotonic, refuse_nothing, spread_places

LEVELS_OF_CURVES = 64
"""Levels of the curves, where nothing else is said: neighbours on a cosine schedule differ by a fifth in log kappa."""

NUM_SHARES = 2
"""Number of levels in a row that the samples are dealt among: more different ones are seen than at all levels alike."""

COLUMNS_AT_ONCE = 512
"""Curves that are made to grow at once: of 100 levels they take 40 MiB."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was measured of a denoiser on data.

    Errors that fall as noise grows are averaged until none does (isotonic regression). A channel's average counts the
    average of all values as one more sample, and a value's that of its channel: a value that never changed in the data
    may yet do so. Standard errors are those of the averages at the levels themselves, before neighbours were averaged,
    which makes errors smaller.

    Attributes:
        together: the error curve of all values.
        of_channels: that of each channel, [k, c, 1, ...].
        of_places: that of each value, [k, c, *space].
        power: mean square of the data, which the prior term of a bound depends on.
        num: how many samples there were.
    """

    together: ErrorCurve
    of_channels: ErrorCurves
    of_places: ErrorCurves
    power: float
    num: int


def estimate_error_curves(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Images,
    *,
    num_levels: int = LEVELS_OF_CURVES,
    seed: int | Sequence[int] = 0,
    batch_size: int = 512,
    listener: Listener = SILENT,
) -> Calibration:
    """Estimate the mean squared error of the predicted x_0 over the noise level, apart for channels and for values.

    Every sample is seen at every second level, with noise of its own at each. Estimate on training data: the bound of
    held-out data then stays a bound.

    Args:
        diffusion: the process.
        denoise: what finds x_0, clipped as the bound will be.
        x_start: clean training data in the model's range.
        num_levels: how many levels, evenly in the logarithm of kappa; fewer where the grid has fewer.
        seed: seeds of the noise, as in ``evaluate_bound``.
        batch_size: samples per call of the network. Sums are kept of one level at a time.
        listener: hears how it gets on, in levels.

    Raises:
        SettingsError: no samples, no levels, a batch size below 1, or a guided denoiser.
        NumericalError: what the network returns is not finite.
    """
    refuse_guided(denoise, "error curve")
    number = x_start.shape[0]
    refuse_nothing(number, num_levels, batch_size)
    places = spread_places(diffusion.grid, num_levels)
    rng, found = Rng.from_seed(seed, number, x_start.device), list[_Moments]()
    with torch.no_grad(), listener.follow("calibrating", len(places), unit="levels") as bar:
        for i, place in enumerate(places):
            rows = _dealt(i, number).to(x_start.device)
            found.append(_moments(diffusion, denoise, x_start, rows, place, rng, batch_size))
            bar.advance()
    log_kappa = torch.log(diffusion.grid.levels.kappa[places])
    return _calibration(log_kappa, found, _mean_square(x_start, batch_size), number)


def _dealt(i: int, number: int) -> Tensor:
    """Return which of ``number`` samples are seen at the i-th level."""
    shares = min(NUM_SHARES, number)
    return torch.arange(i % shares, number, shares)


def _mean_square(x: Tensor, batch_size: int) -> float:
    return float(sum(float(wide(part).square().sum()) for part in x.split(batch_size))) / x.numel()


@dataclass(frozen=True, eq=False)
class _Moments:
    """Mean errors at a level, and their standard errors, float64 on the host: of all values, channels and values."""

    means: tuple[Tensor, Tensor, Tensor]
    spread: tuple[Tensor, Tensor, Tensor]
    num: int


def _moments(
    diffusion: GaussianDiffusion,
    denoise: Denoiser,
    x_start: Tensor,
    every: Tensor,
    place: int,
    rng: Rng,
    batch_size: int,
) -> _Moments:
    """Sum errors and their squares over some of the samples, on the device."""
    sums: list[tuple[Tensor, Tensor]] = []
    for rows in every.split(batch_size):
        clean = x_start[rows]
        noise = Rng(rng.seeds[rows]).normal("calibration", place, clean.shape[1:], clean.dtype)
        at = diffusion.transition(place, clean).up
        errors = (denoise.select(rows)(at.diffuse(clean, noise), at).x_start - clean) ** 2
        of_channels = errors.flatten(2).mean(2) if errors.ndim > 2 else errors
        parts = [(each.sum(0), each.square().sum(0)) for each in (of_channels.mean(1), of_channels, errors)]
        sums = parts if not sums else [(s + a, t + b) for (s, t), (a, b) in zip(sums, parts, strict=True)]
    made = [_mean_and_error(total.cpu().double(), squares.cpu().double(), len(every)) for total, squares in sums]
    if not all(bool(torch.isfinite(mean).all()) for mean, _ in made):
        raise NumericalError("error curves: finite predictions of x_0 wanted, the network returns others")
    (a, b, c), (u, v, w) = zip(*made, strict=True)
    return _Moments((a, b, c), (u, v, w), len(every))


def _mean_and_error(total: Tensor, squares: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Mean, and its standard error, nan of a single sample."""
    mean = total / number
    variance = (squares / number - mean**2).clamp(min=0.0) / (number - 1) if number > 1 else mean * torch.nan
    return mean, variance.sqrt()


def _calibration(log_kappa: Tensor, found: list[_Moments], power: float, number: int) -> Calibration:
    """Make the curves grow, those of parts being drawn towards those of the whole by one sample of its error."""
    means = [torch.stack([level.means[i] for level in found]) for i in range(3)]
    spread = [torch.stack([level.spread[i] for level in found]) for i in range(3)]
    num = torch.tensor([level.num for level in found], dtype=torch.float64)
    over_space = (..., *(None,) * (means[2].ndim - 2))
    together = _growing(means[0], num)
    of_channels = _growing(_drawn(means[1], num, together[:, None]), num)
    of_places = _growing(_drawn(means[2], num, of_channels[over_space]), num)
    known = [None if value != value else value for value in spread[0].tolist()]
    return Calibration(
        ErrorCurve(tuple(log_kappa.tolist()), tuple(together.tolist()), tuple(known)),
        ErrorCurves(log_kappa, of_channels[over_space], spread[1][over_space]),
        ErrorCurves(log_kappa, of_places, spread[2]),
        power,
        number,
    )


def _drawn(means: Tensor, num: Tensor, towards: Tensor) -> Tensor:
    """Count what a mean is drawn towards as one more sample."""
    weight = num.view(-1, *[1] * (means.ndim - 1))
    return (weight * means + towards) / (weight + 1.0)


def _growing(errors: Tensor, num: Tensor) -> Tensor:
    """Average errors [k, ...] that fall with their neighbours, each column by itself."""
    fit = partial(isotonic, weights=num.numpy())
    columns = errors.reshape(len(errors), -1).split(COLUMNS_AT_ONCE, dim=1)
    return torch.cat([torch.from_numpy(fit(part.numpy())) for part in columns], dim=1).view(errors.shape)
