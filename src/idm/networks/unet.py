"""The U-Net of improved DDPM (Nichol & Dhariwal 2021), for one to three spatial axes.

Residual blocks at several resolutions on the way down, a middle, and the same on the way up, joined by skip
connections; self-attention at some resolutions. Parameters have improved-diffusion's names and shapes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from idm.core.errors import SettingsError
from idm.networks.attention import AttentionBlock
from idm.networks.embeddings import timestep_embedding
from idm.networks.layers import Downsample, GroupNorm, Upsample, convolution, halved_axes, zeroed
from idm.networks.resblock import ResBlock


class Stage(nn.Sequential):
    """Layers of which the residual blocks take the embedding too; optionally recomputed in the backward pass."""

    use_checkpoint = False

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Apply the layers in turn."""
        for layer in self:
            inputs = (x, embedding) if isinstance(layer, ResBlock) else (x,)
            recompute = self.use_checkpoint and torch.is_grad_enabled() and isinstance(layer, (ResBlock, AttentionBlock))
            x = checkpoint(layer, *inputs, use_reentrant=False) if recompute else layer(*inputs)
        return x


class UNet(nn.Module):
    """Predicts from noisy samples, times and, where it was built for them, labels and a low-resolution image."""

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        model_channels: int = 64,
        num_res_blocks: int = 2,
        channel_mult: tuple[int | float, ...] = (1, 2, 2),
        attention_resolutions: tuple[int, ...] = (4,),
        num_heads: int = 4,
        num_heads_upsample: int = -1,
        dropout: float = 0.0,
        use_scale_shift_norm: bool = True,
        conv_resample: bool = True,
        use_checkpoint: bool = False,
        num_classes: int | None = None,
        low_res_channels: int = 0,
        dims: int = 2,
    ) -> None:
        """Build the network.

        Args:
            in_channels: channels of the data.
            out_channels: channels to predict, ``diffusion.out_channels(in_channels)``.
            model_channels: width of the first level.
            num_res_blocks: residual blocks per level on the way down; one more on the way up.
            channel_mult: width of each level, as a multiple of model_channels; one entry per level.
            attention_resolutions: downsampling factors (1, 2, 4, ...) at which there is self-attention.
            num_heads: attention heads; they must divide the width.
            num_heads_upsample: attention heads on the way up; -1: as many as on the way down.
            dropout: dropout probability within residual blocks.
            use_scale_shift_norm: let time and class scale and shift the features instead of being added to them.
            conv_resample: change resolution by learned convolutions instead of pooling and repetition.
            use_checkpoint: save memory in training by computing activations twice.
            num_classes: number of labels, "no class" included if there is one; None: not conditioned on labels.
            low_res_channels: channels of a low-resolution image to condition on (super-resolution); 0: none.
            dims: number of spatial axes, 1 to 3; of three axes the first is never halved.

        Raises:
            SettingsError: a level without channels, heads that do not divide a width, dims out of range.
        """
        super().__init__()
        widths = [round(multiple * model_channels) for multiple in channel_mult]
        if not widths or min(widths) < 1 or model_channels < 1 or num_res_blocks < 1:
            raise SettingsError(
                "network: at least one channel per level and one residual block wanted, got "
                f"model_channels={model_channels}, channel_mult={channel_mult}, num_res_blocks={num_res_blocks}"
            )
        if not 0.0 <= dropout < 1.0:
            raise SettingsError(f"dropout: a probability from 0 to below 1 wanted, got {dropout}")
        self.model_channels, self.dims = model_channels, dims
        self.in_channels, self.low_res_channels, self.num_classes = in_channels, low_res_channels, num_classes
        self.stride = 2 ** (len(widths) - 1)
        emb_channels = 4 * model_channels
        self.time_embed = nn.Sequential(
            nn.Linear(model_channels, emb_channels), nn.SiLU(), nn.Linear(emb_channels, emb_channels)
        )
        if num_classes is not None:
            self.label_emb = nn.Embedding(num_classes, emb_channels)

        def block(channels: int, width: int) -> ResBlock:
            return ResBlock(
                channels,
                width,
                emb_channels=emb_channels,
                dropout=dropout,
                dims=dims,
                use_scale_shift_norm=use_scale_shift_norm,
            )

        def attention(width: int, factor: int, heads: int) -> list[nn.Module]:
            return [AttentionBlock(width, heads)] if factor in attention_resolutions else []

        channels = widths[0]
        first = convolution(dims, in_channels + low_res_channels, channels, 3)
        self.input_blocks = nn.ModuleList([Stage(first)])
        skips = [channels]
        for level, width in enumerate(widths):
            for _ in range(num_res_blocks):
                self.input_blocks.append(Stage(block(channels, width), *attention(width, 2**level, num_heads)))
                channels = width
                skips.append(channels)
            if level < len(widths) - 1:
                self.input_blocks.append(Stage(Downsample(channels, use_conv=conv_resample, dims=dims)))
                skips.append(channels)
        middle = AttentionBlock(channels, num_heads)
        self.middle_block = Stage(block(channels, channels), middle, block(channels, channels))
        self.output_blocks = nn.ModuleList()
        heads_up = num_heads if num_heads_upsample == -1 else num_heads_upsample
        for level, width in reversed(list(enumerate(widths))):
            for i in range(num_res_blocks + 1):
                layers = [block(channels + skips.pop(), width), *attention(width, 2**level, heads_up)]
                channels = width
                if level > 0 and i == num_res_blocks:
                    layers.append(Upsample(channels, use_conv=conv_resample, dims=dims))
                self.output_blocks.append(Stage(*layers))
        self.out = nn.Sequential(GroupNorm(channels), nn.SiLU(), zeroed(convolution(dims, channels, out_channels, 3)))
        for stage in (*self.input_blocks, self.middle_block, *self.output_blocks):
            stage.use_checkpoint = use_checkpoint

    def forward(self, x: Tensor, time: Tensor, /, y: Tensor | None = None, low_res: Tensor | None = None) -> Tensor:
        """Predict.

        Args:
            x: noisy samples [b, in_channels, *space].
            time: network times [b].
            y: labels, int64 [b]; wanted if and only if the network has classes.
            low_res: image to be refined [b, low_res_channels, *smaller]; wanted if and only if the network has
                low_res_channels.

        Returns:
            [b, out_channels, *space], in x's dtype.

        Raises:
            SettingsError: shapes or conditioning that the network was not built for.
        """
        self._check(x, y, low_res)
        embedding = F.silu(self._embedding(time, y))
        hidden = x if low_res is None else torch.cat([x, self._enlarged(low_res, x.shape[2:])], dim=1)
        hidden = hidden.to(embedding.dtype)
        skips: list[Tensor] = []
        for stage in self.input_blocks:
            hidden = stage(hidden, embedding)
            skips.append(hidden)
        hidden = self.middle_block(hidden, embedding)
        for stage in self.output_blocks:
            skip = skips.pop()
            hidden = stage(torch.cat([_cropped(hidden, skip.shape[2:]), skip], dim=1), embedding)
        return self.out(hidden).to(x.dtype)

    def _embedding(self, time: Tensor, y: Tensor | None) -> Tensor:
        dtype = self.time_embed[0].weight.dtype
        waves = timestep_embedding(time.double() if dtype == torch.float64 else time, self.model_channels)
        embedding = self.time_embed(waves.to(dtype))
        return embedding if y is None else embedding + self.label_emb(y)

    def _enlarged(self, low_res: Tensor, space: Sequence[int]) -> Tensor:
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[self.dims]
        return F.interpolate(low_res, size=list(space), mode=mode)

    def _check(self, x: Tensor, y: Tensor | None, low_res: Tensor | None) -> None:
        if x.ndim != self.dims + 2 or x.shape[1] != self.in_channels:
            raise SettingsError(
                f"network: data of {self.in_channels} channels and {self.dims} spatial axes wanted, "
                f"got shape {tuple(x.shape)}; build it with in_channels and dims of the data"
            )
        factors = halved_axes(self.dims) if self.stride > 1 else (1,) * self.dims
        if any(size % factor for size, factor in zip(x.shape[2:], factors, strict=True)):
            raise SettingsError(
                f"network: even spatial sizes wanted where a U-Net halves them, got {tuple(x.shape[2:])}; "
                "crop or pad the data, or use a single level (channel_mult=1)"
            )
        if (y is None) != (self.num_classes is None):
            wanted = "labels y" if self.num_classes is not None else "no labels"
            raise SettingsError(f"network: {wanted} wanted, it was built with num_classes={self.num_classes}")
        if (low_res is None) != (self.low_res_channels == 0):
            wanted = "an image low_res" if self.low_res_channels else "no image low_res"
            raise SettingsError(f"network: {wanted} wanted, it was built with low_res_channels={self.low_res_channels}")


def _cropped(x: Tensor, space: Sequence[int]) -> Tensor:
    """Drop the last places of axes that are too long: an odd size, halved rounding up, comes back one larger."""
    for axis, size in enumerate(space, start=2):
        x = x.narrow(axis, 0, size) if x.shape[axis] != size else x
    return x
