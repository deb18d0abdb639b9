"""The networks that are compared: ours, and diffusers' of the same shape and number of parameters."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from idm.networks import UNet


@dataclass(frozen=True)
class Configuration:
    """A size of network: all with scale-shift norm, a learned variance and four heads."""

    name: str
    size: int
    channels: int
    width: int
    mult: tuple[int, ...]
    num_res_blocks: int
    attention_sizes: tuple[int, ...]

    def data(self, batch: int) -> Tensor:
        """Random samples."""
        return torch.randn(batch, self.channels, self.size, self.size, generator=torch.Generator().manual_seed(0))


TINY = Configuration("tiny", 16, 1, 32, (1, 2), 1, (8,))
SMALL = Configuration("small", 32, 3, 64, (1, 2, 2), 2, (16, 8))


def ours(config: Configuration) -> UNet:
    """Build our network with random weights everywhere, so that no branch is zero."""
    network = UNet(
        in_channels=config.channels,
        out_channels=2 * config.channels,
        model_channels=config.width,
        num_res_blocks=config.num_res_blocks,
        channel_mult=config.mult,
        attention_resolutions=tuple(config.size // size for size in config.attention_sizes),
        num_heads=4,
    )
    return randomised(network)


def diffusers_unet(config: Configuration) -> nn.Module:
    """Build diffusers' UNet2DModel of the same architecture; the number of parameters is checked.

    Raises:
        ImportError: diffusers is not installed.
    """
    from diffusers import UNet2DModel  # pyright: ignore[reportMissingImports]

    sizes = [config.size // 2**level for level in range(len(config.mult))]
    attention = [size in config.attention_sizes for size in sizes]
    options: dict[str, Any] = {
        "sample_size": config.size,
        "in_channels": config.channels,
        "out_channels": 2 * config.channels,
        "layers_per_block": config.num_res_blocks,
        "block_out_channels": tuple(config.width * multiple for multiple in config.mult),
        "down_block_types": tuple("AttnDownBlock2D" if attends else "DownBlock2D" for attends in attention),
        "up_block_types": tuple("AttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(attention)),
        "resnet_time_scale_shift": "scale_shift",
        "attention_head_dim": config.width * config.mult[-1] // 4,
        "attn_norm_num_groups": 32,
        "norm_eps": 1e-5,
    }
    network = UNet2DModel(**options)
    theirs, own = (sum(p.numel() for p in net.parameters()) for net in (network, ours(config)))
    assert theirs == own, f"{config.name}: {theirs:,} parameters in diffusers' network, {own:,} in ours"
    return randomised(network)


def randomised(network: nn.Module) -> nn.Module:
    """Fill every parameter from one seed, scaled to keep activations of order one."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            values = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(values / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(1.0 + 0.1 * values if name.endswith("weight") else 0.05 * values)
    return network
