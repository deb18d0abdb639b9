"""Denoisers of networks, of residuals too: with the mean of samples given their conditions added."""

import torch
from torch import nn

from idm.core.types import Network
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion, ModelKwargs, Shifted
from idm.networks.needs import OfResiduals
from idm.run.field_labels import CONDITION

MEANS_AT_ONCE = 256
"""Most conditions of which means are found by one call of their network."""


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
    parts = given[CONDITION].split(MEANS_AT_ONCE)
    mean = torch.cat([network.mean_of(part, shape) for part in parts])
    found = Shifted(process.denoiser(called, conditioning=given, clip=False), mean)
    return Clipped(found) if clip else found
