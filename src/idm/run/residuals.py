"""Denoisers of networks, of residuals too: with the mean of samples given their conditions added."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from idm.core.types import Images, Network
from idm.diffusion import Clipped, Denoised, Denoiser, GaussianDiffusion, ModelKwargs, Shifted
from idm.networks.needs import CONDITION, OfResiduals
from idm.schedules import Level


def network_denoiser(
    process: GaussianDiffusion,
    called: Network,
    network: nn.Module,
    given: ModelKwargs,
    shape: tuple[int, ...],
    *,
    clip: bool,
) -> Denoiser:
    """Return what a network finds on a process's levels; a network of residuals has the mean of samples beside it.

    Args:
        process: the levels.
        called: the network in the form in which it is called.
        network: the network itself.
        given: what it is shown, with one entry per sample.
        shape: of one sample [c, *space].
        clip: clamp x_0 to [-1, 1].
    """
    if not isinstance(network, OfResiduals):
        return process.denoiser(called, conditioning=given, clip=clip)
    means = _Means(network, given[CONDITION], shape)
    found = _Residuals(process.denoiser(called, conditioning=given, clip=False), means)
    return Clipped(found) if clip else found


@final
class _Means:
    """Means of samples given their conditions, each found once, when it is first wanted: as many at once as are."""

    def __init__(self, network: OfResiduals, condition: Tensor, shape: tuple[int, ...]) -> None:
        """Hold the conditions; nothing is found yet."""
        self._network, self._condition, self._shape = network, condition, shape
        self._missing, self._num_missing = torch.ones(len(condition), dtype=torch.bool), len(condition)
        self._found: Tensor | None = None

    def of(self, rows: Tensor) -> Tensor:
        """Return the means of some samples, by their numbers [n], repeated or not."""
        if self._num_missing:
            wanted = rows.cpu().unique()
            wanted = wanted[self._missing[wanted]]
            if len(wanted):
                self._find(wanted)
        assert self._found is not None, "a network of residuals is told of samples"
        return self._found.index_select(0, rows.to(self._found.device))

    def every(self) -> Tensor:
        """Return all means."""
        return self.of(torch.arange(len(self._condition)))

    @torch.no_grad()
    def _find(self, rows: Tensor) -> None:
        there = rows.to(self._condition.device)
        found = self._network.mean_of(self._condition.index_select(0, there), self._shape)
        if self._found is None:
            self._found = found.new_empty(len(self._condition), *self._shape)
        self._found.index_copy_(0, there, found)
        self._missing[rows] = False
        self._num_missing -= len(rows)


@final
@dataclass(frozen=True)
class _Residuals:
    """``Shifted``, whose means are found as samples are selected.

    Attributes:
        inner: the denoiser of residuals.
        means: one for each sample.
    """

    inner: Denoiser
    means: _Means

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Find x_0 of all samples."""
        return Shifted(self.inner, self.means.every())(x, at)

    def select(self, rows: Tensor, /) -> Denoiser:
        """Select from the denoiser, and find those means."""
        return Shifted(self.inner.select(rows), self.means.of(rows))
