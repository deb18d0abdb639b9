"""Networks that name the class of noisy data: half of a denoising network, and a head (Dhariwal & Nichol 2021, 4)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.networks.dropout import number_layers
from idm.networks.fast.processor import fast_layout
from idm.networks.layers import GroupNorm, zeroed
from idm.networks.mlp import MLP
from idm.networks.unet import UNet


class EncoderClassifier(nn.Module):
    """The way down and the middle of a U-Net, the mean over all places, and a linear head."""

    def __init__(self, unet: UNet, num_classes: int) -> None:
        """Take over the pieces of a network, and add a head that starts at zero.

        Raises:
            SettingsError: a network that is shown a condition beside the noisy data.
        """
        super().__init__()
        if unet.condition_channels:
            raise SettingsError("network: one without condition_channels wanted for a classifier, got one with them")
        self.time_embed, self.input_blocks, self.middle_block = unet.time_embed, unet.input_blocks, unet.middle_block
        width = unet.widths[-1]
        self.norm = GroupNorm(width, activated=True)
        self.out = zeroed(nn.Linear(width, num_classes))
        self.dropout = unet.dropout
        number_layers(self)

    @property
    def uses_dropout_seeds(self) -> bool:
        """Whether it has dropout."""
        return self.dropout > 0.0

    def forward(self, x: Tensor, time: Tensor, /, dropout_seeds: Tensor | None = None) -> Tensor:
        """Return logits [b, classes] of noisy samples [b, c, *space] at network times [b]; seeds as of ``UNet``."""
        return self.out(self.features(x, time, dropout_seeds)).to(x.dtype)

    def features(self, x: Tensor, time: Tensor, /, dropout_seeds: Tensor | None = None) -> Tensor:
        """Return what the head reads of them [b, width]: means over all places."""
        embedding = F.silu(self.time_embed(time))
        hidden = x.to(embedding.dtype)
        hidden = hidden.contiguous(memory_format=fast_layout(hidden))
        for piece in self.input_blocks:
            hidden = piece(hidden, embedding, dropout_seeds)
        hidden = self.norm(self.middle_block(hidden, embedding, dropout_seeds))
        return hidden.flatten(2).mean(2)


def classifier_like(
    network: nn.Module, shape: Sequence[int], num_classes: int, *, seed: int
) -> EncoderClassifier | MLP:
    """Make a classifier of noisy data of the kind of a denoising network.

    Args:
        network: a new network of that kind. Of a U-Net the classifier takes over the half that goes down; of an MLP it
            is one of the same size; of any other network a U-Net of the default size, or an MLP for points.
        shape: channels and spatial sizes of the data.
        num_classes: how many.
        seed: of what is not taken over.

    Raises:
        SettingsError: a U-Net that is shown an image beside the noisy data.
    """
    channels, *space = shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if space:
            unet = (
                network
                if isinstance(network, UNet)
                else UNet(in_channels=channels, out_channels=channels, dims=len(space))
            )
            return EncoderClassifier(unet, num_classes)
        size = {"width": network.width, "num_layers": len(network.layers)} if isinstance(network, MLP) else {}
        return MLP(in_channels=channels, out_channels=num_classes, **size)
