"""What several draws for each case are worth beside the truth: a proper score, and whether ranks are flat."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError


def crps(truths: Float[Tensor, "n *shape"], draws: Float[Tensor, "n k *shape"]) -> Float[Tensor, " n"]:
    """Continuous ranked probability score of each case, the mean over its values; less is better.

    E|X - y| - E|X - X'| / 2 of independent draws X and X' (Gneiting & Raftery 2007, eq. 21). Pairs of different draws
    stand for the second expectation, so that the score does not depend on how many there are (Ferro 2014).

    Args:
        truths: y, one for each case.
        draws: k of each, at least 2.

    Raises:
        SettingsError: a single draw.
    """
    number = draws.shape[1]
    if number < 2:
        raise SettingsError(f"draws: at least 2 of each wanted, got {number}")
    truth, among = truths.flatten(1).double(), draws.flatten(2).double()
    apart = (among - truth[:, None]).abs().mean(1)
    # The sum of all distances of sorted numbers: each counts as often as it is the larger, less as it is the smaller.
    weights = 2.0 * torch.arange(number, dtype=torch.float64) - number + 1.0
    pairs = (weights[:, None].to(among.device) * among.sort(dim=1).values).sum(1) / (number * (number - 1))
    return (apart - pairs).mean(1)


def crps_of_gaussian(
    truths: Float[Tensor, "n *shape"], mean: Float[Tensor, "n *shape"], std: Float[Tensor, "*shape"]
) -> Float[Tensor, " n"]:
    """Return the same of normal distributions: s (z (2 F(z) - 1) + 2 f(z) - 1 / sqrt(pi)) with z = (y - m) / s.

    Args:
        truths: y, one for each case.
        mean: m of each.
        std: s, the same in all cases, above 0.
    """
    z = ((truths - mean) / std).double()
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2.0 * math.pi)
    score = z * torch.erf(z / math.sqrt(2.0)) + 2.0 * density - 1.0 / math.sqrt(math.pi)
    return (std * score).flatten(1).mean(1)


def chance_of_flat(ranks: Float[Tensor, " n"], num_draws: int, bins: int) -> float:
    """Return the chance that ranks of independent cases are as uneven as these, or more, where all are equally likely.

    Pearson's chi-square test, with bins of equally many ranks.

    Args:
        ranks: of truths among draws, 0 to ``num_draws``.
        num_draws: of each case.
        bins: how many; a divisor of ``num_draws`` + 1.

    Raises:
        SettingsError: bins of different sizes, or fewer than two.
    """
    if bins < 2 or (num_draws + 1) % bins:
        raise SettingsError(f"bins: a divisor of {num_draws + 1} wanted, from 2 on, got {bins}")
    counts = torch.bincount((ranks.long() * bins) // (num_draws + 1), minlength=bins).double()
    expected = counts.sum() / bins
    distance = ((counts - expected).square() / expected).sum()
    return float(torch.special.gammaincc(torch.tensor(0.5 * (bins - 1), dtype=torch.float64), 0.5 * distance))
