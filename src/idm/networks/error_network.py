"""A small network that predicts the errors of a large one."""

import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.networks.embeddings import TimeEmbedding
from idm.networks.fast.processor import fast_layout
from idm.networks.layers import GroupNorm, convolution, zeroed
from idm.networks.mlp import MLP
from idm.networks.resblock import ResBlock

WIDTH, NUM_BLOCKS = 32, 3
"""Features, and residual blocks: a value sees 8 places in each direction, and means of all through the norms."""


class ErrorNetwork(nn.Module):
    """Residual blocks at full resolution, without attention: errors are local, and x_0 as it is found is not."""

    def __init__(self, *, in_channels: int, out_channels: int, dims: int) -> None:
        """Map ``in_channels`` to ``out_channels`` over ``dims`` spatial axes; a new network predicts zero."""
        super().__init__()
        self.time_embed = TimeEmbedding(WIDTH, 2 * WIDTH)
        self.first = convolution(dims, in_channels, WIDTH, 3)
        self.blocks = nn.ModuleList(
            ResBlock(WIDTH, WIDTH, emb_channels=2 * WIDTH, dropout=0.0, dims=dims, use_scale_shift_norm=True)
            for _ in range(NUM_BLOCKS)
        )
        self.norm = GroupNorm(WIDTH, activated=True)
        self.last = zeroed(convolution(dims, WIDTH, out_channels, 3))

    def forward(self, x: Tensor, time: Tensor, /) -> Tensor:
        """Predict [b, out_channels, *space] from [b, in_channels, *space] and times [b], in x's dtype."""
        embedding = F.silu(self.time_embed(time))
        hidden = x.to(embedding.dtype)
        hidden = self.first(hidden.contiguous(memory_format=fast_layout(hidden)))
        for block in self.blocks:
            hidden = block(hidden, embedding)
        return self.last(self.norm(hidden)).to(x.dtype)


def error_network(shape: tuple[int, ...]) -> nn.Module:
    """Build a network that is shown x_0 and eps as they are found, and predicts a number for each value.

    Args:
        shape: of one sample of the data, [c, *space]; of points [c].
    """
    channels, *space = shape
    sizes = {"in_channels": 2 * channels, "out_channels": channels}
    return ErrorNetwork(**sizes, dims=len(space)) if space else MLP(**sizes, width=2 * WIDTH)
