"""Self-attention over all places of a feature map."""

from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.networks.fast.products import attend, linear
from idm.networks.layers import GroupNorm, zeroed


class AttentionBlock(nn.Module):
    """Multi-head self-attention with a residual connection (improved-diffusion's, in its "legacy" QKV order).

    The rows of ``qkv`` are ordered [head][query, key, value][channel]; the kernels of length one are applied as
    linear maps of tokens.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        """Attend with ``num_heads`` heads of channels / num_heads channels each.

        Raises:
            SettingsError: the heads do not divide the channels.
        """
        super().__init__()
        if num_heads < 1 or channels % num_heads:
            raise SettingsError(f"num_heads: a divisor of the {channels} channels at attention wanted, got {num_heads}")
        self.num_heads = num_heads
        self.norm = GroupNorm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> the same shape."""
        batch, channels, *space = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        qkv = linear(tokens, self.qkv.weight.squeeze(-1), self.qkv.bias)
        heads = qkv.view(batch, -1, self.num_heads, 3, channels // self.num_heads).transpose(1, 2)
        query, key, value = heads.unbind(3)
        mixed = attend(query, key, value).transpose(1, 2).reshape(batch, -1, channels)
        mixed = linear(mixed, self.proj_out.weight.squeeze(-1), self.proj_out.bias)
        return x + mixed.transpose(1, 2).reshape(batch, channels, *space)
