"""How far the distribution of samples is from that of data: the Fréchet distance of Gaussians on principal components.

With few values per sample, principal components of the training data take the place of a network's features (Heusel et
al. 2017), which know nothing of other data than photographs. The distance grows with the number of values and falls
with that of samples: compare it with that of data drawn again at the same number.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError


def frechet_distance(first: Float[Tensor, "n k"], second: Float[Tensor, "m k"]) -> float:
    """Squared Fréchet distance of the Gaussians with the samples' means and unbiased covariances.

    |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1^(1/2) C_2 C_1^(1/2))^(1/2)) (Dowson & Landau 1982), with roots of symmetric
    matrices, which are real whatever rounding does. Nothing is added to the covariances.

    Raises:
        SettingsError: no more samples than values, of which the covariance says nothing.
    """
    for x in (first, second):
        if len(x) <= x.shape[1]:
            raise SettingsError(f"samples: more than their {x.shape[1]} features wanted, got {len(x)}")
    first, second = first.double(), second.double()
    of_first, of_second = torch.atleast_2d(torch.cov(first.T)), torch.atleast_2d(torch.cov(second.T))
    root = _root(of_first)
    cross = torch.linalg.eigvalsh(root @ of_second @ root).clamp(min=0.0).sqrt().sum()
    apart = (first.mean(0) - second.mean(0)).square().sum()
    return max(0.0, float(apart + of_first.trace() + of_second.trace() - 2.0 * cross))


def _root(covariance: Tensor) -> Tensor:
    """Symmetric square root."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
