"""Weighted isotropic Gaussians, or points: the arithmetic that mixtures and finite sets of data share."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import append_dims
from idm.core.types import Images
from idm.oracles.base import Moments
from idm.schedules import Level

LARGEST_TABLE = 2**22
"""Numbers in a table of responsibilities, [samples, components]; larger batches are taken in parts."""


@dataclass(frozen=True)
class Components:
    """x_0 ~ sum_k w_k N(mu_k, s_k^2 I), in float64; points have s_k = 0.

    With alpha = sqrt(abar) and sigma^2 = 1 - abar, component k has density w_k N(x_t; alpha mu_k, v_k I) at
    the level of x_t, v_k = alpha^2 s_k^2 + sigma^2; its share of that sum is its responsibility r_k. Then
    E[x_0 | x_t] = sum_k r_k m_k and Var(x_0 | x_t) = sum_k r_k (s_k^2 sigma^2 / v_k + m_k^2) - E[x_0 | x_t]^2,
    with m_k = mu_k + alpha s_k^2 / v_k (x_t - alpha mu_k) (Bayes' rule per component).

    Attributes:
        log_weights: log w_k.
        means: mu_k, of the shape of one sample each.
        variances: s_k^2.
        labels: class of each component; None where there are no classes.
    """

    log_weights: Float[Tensor, " k"]
    means: Float[Tensor, "k c *space"]
    variances: Float[Tensor, " k"]
    labels: Int[Tensor, " k"] | None

    @classmethod
    def checked(
        cls, name: str, weights: Tensor, means: Tensor, variances: Tensor, labels: Tensor | None
    ) -> "Components":
        """Normalise weights, leave out components without weight, refuse what is no distribution.

        Args:
            name: what the caller calls its means, for messages.
            weights: [k], at least 0, up to a common factor.
            means: [k, c, *space].
            variances: [k], at least 0.
            labels: int64 [k], or None.

        Raises:
            SettingsError: numbers of components that differ, weights or variances below 0, or no weight at all.
        """
        each = {"weights": weights, "variances": variances} | ({} if labels is None else {"labels": labels})
        for what, values in each.items():
            if values.shape != means.shape[:1]:
                raise SettingsError(
                    f"{what}: one number for each of the {len(means)} {name} wanted, got shape {tuple(values.shape)}"
                )
        if not (bool((weights >= 0).all()) and float(weights.sum()) > 0 and bool((variances >= 0).all())):
            raise SettingsError(f"{name}: weights and variances of at least 0 wanted, and some weight above 0")
        kept = (weights > 0).nonzero().flatten()
        weights = weights.double()[kept]
        return cls(
            torch.log(weights / weights.sum()),
            means[kept].double(),
            variances[kept].double(),
            None if labels is None else labels[kept],
        )

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Mean and variance of x_0 given x_t, per element, and given the class ``y`` where there are any."""
        if x_t.shape[1:] != self.means.shape[1:]:
            raise SettingsError(f"x: samples of shape {tuple(self.means.shape[1:])} wanted, got {tuple(x_t.shape[1:])}")
        here = self._on(x_t.device)
        log_weights = here._given(conditioning).expand(x_t.shape[0], -1)
        signal, noise = (
            torch.as_tensor(level).reshape(-1, 1).to(x_t).expand(x_t.shape[0], 1) for level in (at.alpha, at.sigma)
        )
        rows = max(1, LARGEST_TABLE // here.log_weights.numel())
        parts = zip(*(values.split(rows) for values in (x_t.flatten(1), signal, noise, log_weights)), strict=True)
        means, variances = zip(*(here._moments(*part) for part in parts), strict=True)
        return Moments(torch.cat(means).view_as(x_t), torch.cat(variances).view_as(x_t))

    def _on(self, device: torch.device) -> "Components":
        labels = None if self.labels is None else self.labels.to(device)
        return Components(self.log_weights.to(device), self.means.to(device), self.variances.to(device), labels)

    def _given(self, conditioning: Mapping[str, Tensor]) -> Tensor:
        """Log-weights, [1, k] or [b, k], of the components that the conditioning admits."""
        if not conditioning:
            return self.log_weights[None]
        if set(conditioning) != {"y"} or self.labels is None:
            known = "none" if self.labels is None else "labels y"
            raise SettingsError(f"conditioning: {known} wanted by this oracle, got {sorted(conditioning)}")
        admitted = append_dims(conditioning["y"], 2) == self.labels
        admitted = admitted | ~admitted.any(dim=1, keepdim=True)
        return torch.where(admitted, self.log_weights, -math.inf)

    def _moments(self, x: Tensor, signal: Tensor, noise: Tensor, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance [b, d] of x_0, for x [b, d], levels [b, 1] and log-weights [b, k]."""
        mu = self.means.flatten(1)
        marginal = signal**2 * self.variances + noise**2
        distance = (x**2).sum(1, keepdim=True) - 2.0 * signal * (x @ mu.T) + signal**2 * (mu**2).sum(1)
        log_density = -0.5 * (distance / marginal + x.shape[1] * torch.log(marginal))
        shares = torch.softmax(log_weights + log_density, dim=1)
        # m_k = of_mu mu_k + of_x x, with one pair of factors per component.
        of_x = signal * self.variances / marginal
        of_mu = 1.0 - signal * of_x
        of_both = shares * of_mu * of_x
        mean = (shares * of_mu) @ mu + (shares * of_x).sum(1, keepdim=True) * x
        square = (shares * of_mu**2) @ mu**2 + 2.0 * x * (of_both @ mu) + (shares * of_x**2).sum(1, keepdim=True) * x**2
        within = (shares * self.variances * noise**2 / marginal).sum(1, keepdim=True)
        return mean, within + (square - mean**2).clamp(min=0.0)
