"""The pieces of the U-Net, built: on the way down, in the middle, on the way up.

Modules are nested as improved-diffusion nests them, because published weights are named by that nesting.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from idm.core.errors import SettingsError
from idm.networks.attention import AttentionBlock
from idm.networks.layers import Downsample, Upsample, axis_factors
from idm.networks.resblock import ResBlock

BLOCKS = (ResBlock, AttentionBlock)
"""Layers that store much more than their input for the backward pass."""


class Piece(nn.ModuleList):
    """Layers applied in turn, of which the residual blocks see the embedding too."""

    def __init__(self, layers: list[nn.Module], *, checkpointed: bool) -> None:
        """Hold the layers; if ``checkpointed``, blocks are computed again in the backward pass instead of stored."""
        super().__init__(layers)
        self.checkpointed = checkpointed

    def forward(self, x: Tensor, embedding: Tensor, dropout_seeds: Tensor | None = None) -> Tensor:
        """[b, c, *space], the embedding [b, e] and seeds of dropout [b] -> [b, c_out, *space_out]."""
        for layer in self:
            inputs = (x, embedding, dropout_seeds) if isinstance(layer, ResBlock) else (x,)
            again = self.checkpointed and isinstance(layer, BLOCKS) and torch.is_grad_enabled()
            x = checkpoint(layer, *inputs, use_reentrant=False) if again else layer(*inputs)
        return x


@dataclass(frozen=True)
class Blueprint:
    """What all pieces of a network have in common; fields as in ``UNet``.

    Attributes:
        widths: channels of each stage.
        attention_stages: stages with self-attention, 0 being the finest.
        halved_axes: spatial axes that change between stages; None: see ``usually_halved``.
    """

    widths: tuple[int, ...]
    num_res_blocks: int
    attention_stages: tuple[int, ...]
    emb_channels: int
    dropout: float
    dims: int
    use_scale_shift_norm: bool
    conv_resample: bool
    checkpoint_stages: int
    halved_axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Check what no layer checks."""
        axis_factors(self.dims, self.halved_axes)
        if self.checkpoint_stages < 0:
            raise SettingsError(f"checkpoint_stages: 0 (none) or more stages wanted, got {self.checkpoint_stages}")

    def block(self, channels: int, width: int) -> ResBlock:
        """Return a residual block."""
        return ResBlock(
            channels,
            width,
            emb_channels=self.emb_channels,
            dropout=self.dropout,
            dims=self.dims,
            use_scale_shift_norm=self.use_scale_shift_norm,
        )

    def piece(self, stage: int, *layers: nn.Module) -> Piece:
        """Return a piece of layers at a stage, 0 being the finest."""
        return Piece(list(layers), checkpointed=stage < self.checkpoint_stages)

    def resampling(self, kind: type[Downsample] | type[Upsample], channels: int) -> nn.Module:
        """Return a change from a stage to the next."""
        return kind(channels, use_conv=self.conv_resample, dims=self.dims, halved_axes=self.halved_axes)

    def attention(self, stage: int, num_heads: int) -> list[nn.Module]:
        """Return the self-attention of a stage, if it has one."""
        return [AttentionBlock(self.widths[stage], num_heads)] if stage in self.attention_stages else []

    def down(self, first: nn.Module, num_heads: int) -> tuple[nn.ModuleList, list[int]]:
        """Return the pieces on the way down, and the channels that each hands over to the way up."""
        channels = self.widths[0]
        pieces, skips = [self.piece(0, first)], [channels]
        for stage, width in enumerate(self.widths):
            for _ in range(self.num_res_blocks):
                pieces.append(self.piece(stage, self.block(channels, width), *self.attention(stage, num_heads)))
                skips.append(channels := width)
            if stage < len(self.widths) - 1:
                pieces.append(self.piece(stage, self.resampling(Downsample, channels)))
                skips.append(channels)
        return nn.ModuleList(pieces), skips

    def middle(self, num_heads: int) -> Piece:
        """Return the middle: block, attention, block."""
        stage, width = len(self.widths) - 1, self.widths[-1]
        return self.piece(stage, self.block(width, width), AttentionBlock(width, num_heads), self.block(width, width))

    def up(self, skips: list[int], num_heads: int) -> nn.ModuleList:
        """Return the pieces on the way up, each of which takes what a piece on the way down handed over."""
        channels, pieces, waiting = self.widths[-1], list[Piece](), list(skips)
        for stage in reversed(range(len(self.widths))):
            for i in range(self.num_res_blocks + 1):
                width = self.widths[stage]
                layers = [self.block(channels + waiting.pop(), width), *self.attention(stage, num_heads)]
                channels = width
                if stage > 0 and i == self.num_res_blocks:
                    layers.append(self.resampling(Upsample, channels))
                pieces.append(self.piece(stage, *layers))
        return nn.ModuleList(pieces)
