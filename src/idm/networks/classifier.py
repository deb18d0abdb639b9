"""Networks that name the class of noisy data: half of a denoising network, and a head (Dhariwal & Nichol 2021, 4)."""

import copy
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
        """Take the stages of a network, which are shared with it, and add a head that starts at zero.

        Raises:
            SettingsError: a network that is shown an image beside the noisy data.
        """
        super().__init__()
        if unet.low_res_channels:
            raise SettingsError("network: one without low_res_channels wanted for a classifier, got one with them")
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
        embedding = F.silu(self.time_embed(time))
        hidden = x.to(embedding.dtype)
        hidden = hidden.contiguous(memory_format=fast_layout(hidden))
        for stage in self.input_blocks:
            hidden = stage(hidden, embedding, dropout_seeds)
        hidden = self.norm(self.middle_block(hidden, embedding, dropout_seeds))
        return self.out(hidden.flatten(2).mean(2)).to(x.dtype)


def classifier_like(network: nn.Module, shape: Sequence[int], num_classes: int, *, seed: int) -> nn.Module:
    """Make a classifier of noisy data that begins with what a denoising network knows of them.

    Args:
        network: the denoising network. Of a U-Net the classifier is the half that goes down, with its weights; of an
            MLP one of the same size, with those weights that both have. Of any other network nothing is taken: a U-Net
            of the default size begins at random, or an MLP for points.
        shape: channels and spatial sizes of the data.
        num_classes: how many.
        seed: of weights that begin at random.

    Raises:
        SettingsError: a U-Net that is shown an image beside the noisy data.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _made(network, shape, num_classes)


def _made(network: nn.Module, shape: Sequence[int], num_classes: int) -> nn.Module:
    channels, *space = shape
    if not isinstance(network, UNet | MLP):
        of_data = {"in_channels": channels, "out_channels": channels}
        network = UNet(**of_data, dims=len(space)) if space else MLP(**of_data)
    if isinstance(network, UNet):
        return copy.deepcopy(EncoderClassifier(network, num_classes))
    known, first = network.state_dict(), network.point
    made = MLP(in_channels=channels, out_channels=num_classes, width=first.out_features, num_layers=len(network.layers))
    shared = {name: known[name] for name in made.state_dict() if not name.startswith("out.")}
    made.load_state_dict(shared, strict=False)
    return made.to(first.weight.device)
