"""The residual block of the U-Net."""

from torch import Tensor, nn

from idm.core.tensors import append_dims
from idm.networks.dropout import Dropout
from idm.networks.layers import GroupNorm, Pointwise, convolution, zeroed


class ResBlock(nn.Module):
    """Two convolutions with a residual connection, told of time and class by an embedding.

    With ``use_scale_shift_norm`` the embedding scales and shifts the second normalisation; otherwise it is added.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        emb_channels: int,
        dropout: float,
        dims: int,
        use_scale_shift_norm: bool,
    ) -> None:
        """Map ``channels`` to ``out_channels``; the second convolution starts at zero."""
        super().__init__()
        self.use_scale_shift_norm = use_scale_shift_norm
        # Norms that are activated leave the places of improved-diffusion's activations empty.
        norm, last = GroupNorm(channels, activated=True), convolution(dims, channels, out_channels, 3)
        self.in_layers = nn.Sequential(norm, nn.Identity(), last)
        wanted = 2 * out_channels if use_scale_shift_norm else out_channels
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, wanted))
        self.out_layers = nn.Sequential(
            GroupNorm(out_channels, activated=True),
            nn.Identity(),
            Dropout(dropout),
            zeroed(convolution(dims, out_channels, out_channels, 3)),
        )
        same = out_channels == channels
        self.skip_connection = nn.Identity() if same else Pointwise(dims, channels, out_channels)

    def forward(self, x: Tensor, embedding: Tensor, dropout_seeds: Tensor | None = None) -> Tensor:
        """Transform.

        Args:
            x: features [b, c, *space].
            embedding: time and class [b, e], after the SiLU that all blocks share.
            dropout_seeds: what dropout depends on [b].

        Returns:
            [b, c_out, *space].
        """
        hidden = self.in_layers(x)
        told = self.emb_layers[1](embedding)
        norm, _, dropout, last = self.out_layers
        if self.use_scale_shift_norm:
            hidden = norm(hidden, *told.chunk(2, dim=1))
        else:
            hidden = norm(hidden + append_dims(told, x.ndim))
        hidden = dropout(hidden, dropout_seeds)
        return last(hidden).add_(self.skip_connection(x))  # in place: no gradient needs what a convolution returns
