"""A network of one size in all the forms that are timed, each built when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from idm.bench.flops import forward_flops
from idm.bench.sizes import Configuration, our_unet
from idm.core.types import Network
from idm.networks import Autocast, Compiled, CudaGraph
from speed.peers import DIFFUSERS

IMAGENET_64 = Configuration("ImageNet-64", 64, 3, 128, (1, 2, 3, 4), 3, (16, 8))
CIFAR_10 = Configuration("CIFAR-10", 32, 3, 128, (1, 2, 2, 2), 3, (16, 8))
"""The published unconditional networks of 128 channels."""
MINIATURE = Configuration("miniature", 8, 1, 8, (1, 2), 1, (4,))
"""To go through the motions with, on any processor."""

KNOWN_FLOPS = {IMAGENET_64: 79.47e9, CIFAR_10: 16.77e9}
"""Operations per image and call, counted by hand."""


@dataclass(frozen=True, eq=False)
class Forms:
    """Networks of one size for sampling, on a device; all of ours have the same weights.

    Attributes:
        config: the size.
        device: where they are.
    """

    config: Configuration
    device: torch.device

    @cached_property
    def network(self) -> nn.Module:
        """Ours, with weights in float32."""
        return our_unet(self.config).to(self.device).eval().requires_grad_(False)

    @cached_property
    def plain(self) -> Network:
        """Ours, computing in bfloat16."""
        return Autocast(self.network)

    @cached_property
    def graph(self) -> Network:
        """The same, replayed."""
        return CudaGraph(self.plain)

    @cached_property
    def compiled(self) -> Network:
        """The same, translated."""
        return Compiled(self.plain)

    @cached_property
    def compiled_graph(self) -> Network:
        """The same, translated and replayed."""
        return CudaGraph(self.compiled)

    @cached_property
    def short_weights_graph(self) -> Network:
        """Ours with the weights in bfloat16 too, replayed."""
        return CudaGraph(our_unet(self.config).to(self.device).eval().requires_grad_(False).bfloat16())

    @cached_property
    def peer(self) -> Network:
        """diffusers', with as many parameters, which its users keep in bfloat16, as they do the data.

        Raises:
            ImportError: diffusers is not installed.
        """
        network = DIFFUSERS.network(self.config).to(self.device, torch.bfloat16).eval().requires_grad_(False)
        return DIFFUSERS.in_format(network)

    @cached_property
    def compiled_peer(self) -> Network:
        """The same in channels_last and translated, as its documentation recommends."""
        network: Any = DIFFUSERS.network(self.config).to(self.device, torch.bfloat16).eval().requires_grad_(False)
        translated: Any = torch.compile(network.to(memory_format=torch.channels_last), dynamic=False)
        return DIFFUSERS.in_format(translated)

    @cached_property
    def flops(self) -> int:
        """Operations of one call on one image."""
        x = self.config.data(1).to(self.device)
        return forward_flops(self.network, x, torch.zeros(1, device=self.device))
