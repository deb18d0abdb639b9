"""How far samples are from data: the maximum mean discrepancy of a polynomial kernel (Bińkowski et al. 2018).

On features of Inception it is called KID. Unlike the Fréchet distance it has no bias, so few samples do; where both
sides are of one distribution it is 0 on average, and as often below as above.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.metrics.comparison import Comparison, Kind, Statistic

DEGREE = 3


@final
@dataclass(frozen=True)
class KernelDistance(Comparison):
    """Squared discrepancy of the kernel (x.y / d + 1)^3, on features of which all together have deviation 1."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind("kid", "kernel distance of the features, unbiased"),)
    most: ClassVar[int] = 4_000

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Evaluate the kernel of all pairs once."""
        centred = pool - pool.mean(0)
        kernel = polynomial(centred / centred.square().mean().sqrt().clamp(min=1e-12), None)
        diagonal, total = kernel.diagonal(), kernel.sum()

        def compare(first: Tensor) -> list[float]:
            side = first.double()
            seen = kernel @ side
            within, across = side @ seen, (1.0 - side) @ seen
            n = side.sum()
            return [
                _discrepancy(
                    within, total - within - 2.0 * across, across, diagonal @ side, diagonal.sum(), n, len(pool) - n
                )
            ]

        return compare


def kernel_distance(first: Float[Tensor, "n d"], second: Float[Tensor, "m d"]) -> float:
    """Squared maximum mean discrepancy of the kernel (x.y / d + 1)^3, unbiased (Bińkowski et al. 2018, eq. 4).

    Raises:
        SettingsError: fewer than two on either side.
    """
    if min(len(first), len(second)) < 2:
        raise SettingsError(f"samples: at least 2 on both sides wanted, got {len(first)} and {len(second)}")
    a, b = polynomial(first.double(), None), polynomial(second.double(), None)
    across = polynomial(first.double(), second.double()).sum()
    diagonals = a.trace(), a.trace() + b.trace()
    return _discrepancy(a.sum(), b.sum(), across, *diagonals, torch.tensor(len(first)), torch.tensor(len(second)))


def polynomial(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"] | None) -> Float[Tensor, "n m"]:
    """Return the kernel of all pairs, of x with itself where there is no y."""
    return (x @ (x if y is None else y).T / x.shape[1] + 1.0) ** DEGREE


def _discrepancy(
    first: Tensor, second: Tensor, across: Tensor, of_first: Tensor, of_both: Tensor, n: Tensor, m: Tensor
) -> float:
    """Return it from sums of the kernel: within the sides, across, and on the diagonals of the first and of both."""
    inside = (first - of_first) / (n * (n - 1)) + (second - (of_both - of_first)) / (m * (m - 1))
    return float(inside - 2.0 * across / (n * m))
