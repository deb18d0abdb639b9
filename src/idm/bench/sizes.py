"""The sizes of network that are compared."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idm.networks import UNet

NUM_HEADS = 4


@dataclass(frozen=True)
class Configuration:
    """A size of network: all with scale-shift norm, a learned variance and four heads.

    Attributes:
        name: what it is called.
        size: height and width of the images.
        channels: channels of the images.
        width: channels of the first stage.
        mult: width of each stage, as a multiple of the first.
        num_res_blocks: residual blocks per stage on the way down.
        attention_sizes: heights at which there is self-attention.
    """

    name: str
    size: int
    channels: int
    width: int
    mult: tuple[int, ...]
    num_res_blocks: int
    attention_sizes: tuple[int, ...]

    def data(self, batch: int) -> Tensor:
        """Random samples [batch, channels, size, size], the same at every call."""
        return torch.randn(batch, self.channels, self.size, self.size, generator=torch.Generator().manual_seed(0))


TINY = Configuration("tiny", 16, 1, 32, (1, 2), 1, (8,))
SMALL = Configuration("small", 32, 3, 64, (1, 2, 2), 2, (16, 8))
MEDIUM = Configuration("medium", 64, 3, 128, (1, 2, 3, 4), 3, (16, 8))
"""The published class-unconditional network of ImageNet 64 x 64."""
SIZES = {config.name: config for config in (TINY, SMALL, MEDIUM)}

Build = Callable[[Configuration], nn.Module]
"""Builds a network of that size."""


def our_unet(config: Configuration, *, checkpoint_stages: int = 0) -> UNet:
    """Build our network with random weights everywhere, so that no branch is zero."""
    network = initial_unet(config, checkpoint_stages=checkpoint_stages)
    randomised(network)
    return network


def initial_unet(config: Configuration, *, checkpoint_stages: int = 0) -> UNet:
    """Build our network as it is before training."""
    return UNet(
        in_channels=config.channels,
        out_channels=2 * config.channels,
        model_channels=config.width,
        num_res_blocks=config.num_res_blocks,
        channel_mult=config.mult,
        attention_resolutions=tuple(config.size // size for size in config.attention_sizes),
        num_heads=NUM_HEADS,
        checkpoint_stages=checkpoint_stages,
    )


def randomised(network: nn.Module) -> nn.Module:
    """Fill every parameter from one seed, scaled to keep activations of order one."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            values = torch.randn(parameter.shape, generator=generator, device="cpu")
            if parameter.ndim > 1:
                parameter.copy_(values / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(1.0 + 0.1 * values if name.endswith("weight") else 0.05 * values)
    return network
