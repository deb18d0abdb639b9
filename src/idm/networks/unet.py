"""The U-Net of improved DDPM (Nichol & Dhariwal 2021), for one to three spatial axes.

Residual blocks at several resolutions, its stages, on the way down, a middle, and the same on the way up, joined by
skip connections; self-attention at some stages. Parameters have improved-diffusion's names and shapes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.core.counts import refuse_one
from idm.core.errors import SettingsError
from idm.networks.attention_stages import attending_stages, check_heads
from idm.networks.conditions import beside, check_condition
from idm.networks.dropout import number_layers
from idm.networks.embeddings import TimeEmbedding, check_labels, label_embedding
from idm.networks.fast.processor import fast_layout
from idm.networks.layers import GroupNorm, convolution, zeroed
from idm.networks.pieces import Blueprint, Piece


class UNet(nn.Module):
    """Predicts from noisy samples, times and, where it was built for them, labels and a condition.

    Any sizes will do: an axis of odd length is padded by one place before it is halved, and cropped again on the way
    up. Padding where a stage needs it, rather than the data at once, leaves no empty places for attention and norms to
    look at, and changes nothing where sizes can be halved.

    Args:
        in_channels: channels of the data.
        out_channels: channels to predict, ``diffusion.out_channels(in_channels)``.
        model_channels: width of the first stage.
        num_res_blocks: residual blocks per stage on the way down; one more on the way up.
        channel_mult: width of each stage, as a multiple of model_channels; one entry per stage.
        attention_resolutions: downsampling factors (1, 2, 4, ... of the stages) at which there is self-attention;
            a size in pixels becomes one by division, image size / pixels. By default that of the coarsest stage,
            if there are several. The middle always has it.
        num_heads: attention heads; they must divide the width of every stage with attention.
        num_heads_upsample: attention heads on the way up; -1: as many as on the way down.
        dropout: dropout probability within residual blocks.
        use_scale_shift_norm: let time and class scale and shift the features instead of being added to them.
        conv_resample: change resolution by learned convolutions instead of pooling and repetition.
        checkpoint_stages: number of stages, counted from the finest, at which training saves memory: their residual
            blocks and attention are computed again in the backward pass instead of stored; the middle goes with the
            coarsest stage. 0: none; the number of stages or more: all. Results are the same.
        num_classes: number of labels, "no class" included if there is one; None: not conditioned on classes.
        num_attributes: how many numbers a label has, where labels are numbers; 0: they are none.
        condition_channels: channels of a condition, such as a coarse field or another channel; 0: none.
        dims: number of spatial axes, 1 to 3.
        halved_axes: spatial axes that are halved from stage to stage, 0 being the first after the channels; by
            default all, but of three axes not the first.

    Raises:
        SettingsError: a stage without channels, attention at no stage, heads that do not divide a width, axes that
            are not there, dims or checkpoint_stages out of range.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        model_channels: int = 64,
        num_res_blocks: int = 2,
        channel_mult: tuple[int | float, ...] = (1, 2, 2),
        attention_resolutions: tuple[int, ...] | None = None,
        num_heads: int = 4,
        num_heads_upsample: int = -1,
        dropout: float = 0.0,
        use_scale_shift_norm: bool = True,
        conv_resample: bool = True,
        checkpoint_stages: int = 0,
        num_classes: int | None = None,
        num_attributes: int = 0,
        condition_channels: int = 0,
        dims: int = 2,
        halved_axes: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        widths = _widths(channel_mult, model_channels, num_res_blocks, dropout)
        _refuse_negative(condition_channels, num_heads_upsample)
        attending, heads_upsample = _attention(attention_resolutions, num_heads, num_heads_upsample, widths)
        self.in_channels, self.condition_channels = in_channels, condition_channels
        self.num_classes, self.num_attributes = num_classes, num_attributes
        self.dims, self.widths, self.dropout = dims, widths, dropout
        emb, ways = 4 * model_channels, (use_scale_shift_norm, conv_resample, checkpoint_stages, halved_axes)
        blueprint = Blueprint(widths, num_res_blocks, attending, emb, dropout, dims, *ways)
        self.time_embed = TimeEmbedding(model_channels, emb)
        if (labels := label_embedding(num_classes, num_attributes, emb)) is not None:
            self.label_emb = labels
        first = convolution(dims, in_channels + condition_channels, widths[0], 3)
        self.input_blocks, skips = blueprint.down(first, num_heads)
        self.middle_block, self.output_blocks = blueprint.middle(num_heads), blueprint.up(skips, heads_upsample)
        last = zeroed(convolution(dims, widths[0], out_channels, 3))
        self.out = nn.Sequential(GroupNorm(widths[0], activated=True), nn.Identity(), last)
        number_layers(self)

    @property
    def uses_dropout_seeds(self) -> bool:
        """Whether it has dropout."""
        return self.dropout > 0.0

    def pieces(self) -> list[nn.Module]:
        """Return the pieces, which are called one after another."""
        return [module for module in self.modules() if isinstance(module, Piece)]

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        /,
        y: Tensor | None = None,
        condition: Tensor | None = None,
        dropout_seeds: Tensor | None = None,
    ) -> Tensor:
        """Predict.

        Args:
            x: noisy samples [b, in_channels, *space].
            time: network times [b].
            y: classes, int64 [b], or numbers, floats [b, num_attributes] of which NaN is missing; only and always where
                the network was built for them.
            condition: [b, condition_channels, *smaller], enlarged linearly to the size of x; only and always where the
                network was built for one.
            dropout_seeds: a seed per sample, int64 [b]: what is dropped in training is a function of it, whatever batch
                the sample is in; None: of the state of torch's generator.

        Returns:
            [b, out_channels, *space], in x's dtype.

        Raises:
            SettingsError: shapes or conditioning that the network was not built for.
        """
        self._check(x, y, condition)
        embedding = self._embed(time, y)
        hidden = beside(x.to(embedding.dtype), condition)
        hidden = hidden.contiguous(memory_format=fast_layout(hidden))
        skips: list[Tensor] = []
        for piece in self.input_blocks:
            hidden = piece(hidden, embedding, dropout_seeds)
            skips.append(hidden)
        hidden = self.middle_block(hidden, embedding, dropout_seeds)
        for piece in self.output_blocks:
            skip = skips.pop()
            hidden = piece(torch.cat([_cropped(hidden, skip.shape[2:]), skip], dim=1), embedding, dropout_seeds)
        return self.out(hidden).to(x.dtype)

    def _embed(self, time: Tensor, y: Tensor | None) -> Tensor:
        """What every block is told of the noise and of the label."""
        told = self.time_embed(time)
        return F.silu(told if y is None else told + self.label_emb(y))

    def _check(self, x: Tensor, y: Tensor | None, condition: Tensor | None) -> None:
        if x.ndim != self.dims + 2 or x.shape[1] != self.in_channels:
            raise SettingsError(
                f"network: data of {self.in_channels} channels and {self.dims} spatial axes wanted, "
                f"got shape {tuple(x.shape)}; build it with in_channels and dims of the data"
            )
        check_labels(y, self.num_classes, self.num_attributes)
        check_condition(condition, self.condition_channels, self.dims)


def _widths(
    channel_mult: tuple[int | float, ...], model_channels: int, num_res_blocks: int, dropout: float
) -> tuple[int, ...]:
    """Return the channels of each stage.

    Raises:
        SettingsError: a stage without channels or blocks, no stages, or a dropout that is no probability below 1.
    """
    refuse_one(channel_mult, "channel_mult", "(1, 2)")
    widths = tuple(round(multiple * model_channels) for multiple in channel_mult)
    if min((model_channels, num_res_blocks, *widths), default=0) < 1 or not widths or not 0.0 <= dropout < 1.0:
        raise SettingsError(
            "network: at least one stage, channel and residual block, and a dropout from 0 to below 1 wanted, got "
            f"channel_mult={channel_mult}, model_channels={model_channels}, num_res_blocks={num_res_blocks}, "
            f"dropout={dropout}"
        )
    return widths


def _refuse_negative(condition_channels: int, num_heads_upsample: int) -> None:
    if condition_channels < 0 or (num_heads_upsample < 1 and num_heads_upsample != -1):
        raise SettingsError(
            "network: condition_channels of at least 0, and num_heads_upsample of at least 1 or -1, wanted, got "
            f"condition_channels={condition_channels}, num_heads_upsample={num_heads_upsample}"
        )


def _attention(
    resolutions: tuple[int, ...] | None, num_heads: int, num_heads_upsample: int, widths: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    """Return the stages with attention, and the heads on the way up.

    Raises:
        SettingsError: attention at no stage, or heads that do not divide a width.
    """
    attending = attending_stages(resolutions, len(widths))
    check_heads("num_heads", num_heads, widths, [*attending, len(widths) - 1])
    heads_upsample = num_heads if num_heads_upsample == -1 else num_heads_upsample
    check_heads("num_heads_upsample", heads_upsample, widths, attending)
    return tuple(attending), heads_upsample


def _cropped(x: Tensor, space: Sequence[int]) -> Tensor:
    """Drop the last places of axes that are too long: an odd size, halved rounding up, comes back one larger."""
    for axis, size in enumerate(space, start=2):
        x = x.narrow(axis, 0, size) if x.shape[axis] != size else x
    return x
