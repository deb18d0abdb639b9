"""What samplers, likelihoods, guidance and editing see of a network: the x_0 that it finds in noisy data at a level.

Conditioning, clipping and what else is done to x_0 are bound when a denoiser is made (``GaussianDiffusion.denoiser``).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import append_dims
from idm.core.types import Images, Network
from idm.diffusion.results import NetworkOutput
from idm.schedules import Level

DenoisedFn = Callable[[Tensor], Tensor]
ModelKwargs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Denoised:
    """What a denoiser finds in noisy data x; every tensor has x's shape.

    Attributes:
        x_start: the predicted x_0, as it is to be used.
        raw: the same before it was clipped or changed otherwise.
        head: a network's second head, which a learned variance reads.
        variance: Var(x_0 | x), where it is known.
        mean: mean of the reverse step, where the network predicts that itself.
    """

    x_start: Tensor
    raw: Tensor
    head: Tensor | None = None
    variance: Tensor | None = None
    mean: Tensor | None = None


@runtime_checkable
class Denoiser(Protocol):
    """Anything that finds x_0 in noisy data; it may be bound to conditioning, with one entry per sample."""

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Denoise ``x``, all of it at one level or each sample at its own."""
        ...

    def select(self, rows: Tensor, /) -> "Denoiser":
        """Return the denoiser of some of the samples, by their numbers [n], repeated or not."""
        ...


@final
@dataclass(frozen=True)
class NetworkDenoiser:
    """A network under some conditioning; x_0 is left as it is read.

    Attributes:
        call: calls a network.
        read: reads x_0 from its output.
        network: which network.
        conditioning: what it is shown beside the noisy data, with one entry per sample.
    """

    call: Callable[[Network, Images, Level, ModelKwargs], NetworkOutput]
    read: Callable[[NetworkOutput, Images, Level], Denoised]
    network: Network
    conditioning: ModelKwargs

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Call the network and read its output."""
        return self.read(self.call(self.network, x, at, self.conditioning), x, at)

    def select(self, rows: Tensor, /) -> "NetworkDenoiser":
        """Select from the conditioning."""
        return replace(self, conditioning=select(self.conditioning, rows))


@final
@dataclass(frozen=True)
class Clipped:
    """Another denoiser, whose x_0 is changed before it is used.

    Attributes:
        inner: the denoiser.
        clip: clamp x_0 to [-1, 1].
        change: applied to x_0 before that.
        threshold: after that change, bring x_0 to its own range, as ``threshold_dynamically`` does; 0: do not.
    """

    inner: Denoiser
    clip: bool = True
    change: DenoisedFn | None = None
    threshold: float = 0.0

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Change what the inner denoiser finds."""
        return clipped(self.inner(x, at), self.clip, self.change, self.threshold)

    def select(self, rows: Tensor, /) -> "Clipped":
        """Select from the inner denoiser."""
        return replace(self, inner=self.inner.select(rows))


def clipped(found: Denoised, clip: bool, change: DenoisedFn | None, threshold: float = 0.0) -> Denoised:
    """Return what was found with x_0 changed, and brought to its own range and clamped to [-1, 1] if so wished.

    Raises:
        SettingsError: ``change``, which is a ``denoised_fn``, returns no x_0.
    """
    x_start = found.raw if change is None else _x_start(change(found.raw), found.raw)
    x_start = threshold_dynamically(x_start, threshold) if threshold > 0 else x_start
    return Denoised(x_start.clamp(-1, 1) if clip else x_start, found.raw, found.head, found.variance, found.mean)


def threshold_dynamically(x_start: Tensor, share: float) -> Tensor:
    """Clamp each sample to [-s, s] and divide it by s, where s is a quantile of its |x_0|, but at least 1.

    What guidance, or an error, drives out of range comes back to it, instead of being flattened at its ends (Saharia et
    al. 2022, section 2.3).

    Args:
        x_start: predicted x_0 [b, ...].
        share: of the values of a sample, channels and places together, that lie within [-s, s]; in (0, 1]. Between two
            values the quantile is linear, as that of numpy.
    """
    values = x_start.abs().flatten(1)
    last = values.shape[1] - 1
    below = math.floor(share * last)
    largest = values.topk(last - below + 1).values  # down to the value below the quantile
    s = torch.lerp(largest[:, -1], largest[:, max(last - below - 1, 0)], share * last - below).clamp(min=1.0)
    s = append_dims(s, x_start.ndim)
    return x_start.clamp(-s, s) / s


def select(conditioning: ModelKwargs, rows: Tensor) -> ModelKwargs:
    """Return the conditioning of some samples, by their numbers [n]."""
    return {name: value.index_select(0, rows.to(value.device)) for name, value in conditioning.items()}


def _x_start(pred_xstart: object, like: Tensor) -> Tensor:
    """Return what a denoised_fn returned, if it is an x_0."""
    shape = tuple(like.shape)
    if isinstance(pred_xstart, Tensor) and pred_xstart.shape == shape:
        return pred_xstart
    got = tuple(pred_xstart.shape) if isinstance(pred_xstart, Tensor) else type(pred_xstart).__name__
    raise SettingsError(f"denoised_fn: a tensor of shape {shape} wanted from it, got {got}")
