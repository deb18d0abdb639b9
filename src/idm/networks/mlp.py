"""A residual multilayer perceptron for points: data without spatial axes."""

import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.networks.conditions import beside, check_condition
from idm.networks.embeddings import TimeEmbedding, check_labels, label_embedding
from idm.networks.layers import zeroed


class MLP(nn.Module):
    """Predicts from noisy points [b, c], times and labels; each layer adds to the features of the one before."""

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        width: int = 128,
        num_layers: int = 3,
        num_classes: int | None = None,
        num_attributes: int = 0,
        condition_channels: int = 0,
    ) -> None:
        """Build the network.

        Args:
            in_channels: coordinates of a point.
            out_channels: values to predict, ``diffusion.out_channels(in_channels)``.
            width: number of features.
            num_layers: number of hidden layers.
            num_classes: number of labels, "no class" included if there is one; None: not conditioned on classes.
            num_attributes: how many numbers a label has, where labels are numbers; 0: they are none.
            condition_channels: values of a condition of each point; 0: none.

        Raises:
            SettingsError: no features or no layers.
        """
        super().__init__()
        if width < 2 or num_layers < 1:
            raise SettingsError(
                f"network: width of at least 2 and num_layers of at least 1 wanted, got {width} and {num_layers}"
            )
        self.in_channels, self.width = in_channels, width
        self.num_classes, self.num_attributes = num_classes, num_attributes
        self.condition_channels = condition_channels
        self.point = nn.Linear(in_channels + condition_channels, width)
        self.time_embed = TimeEmbedding(width, width)
        labels = label_embedding(num_classes, num_attributes, width)
        if labels is not None:
            self.label_emb = labels
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(num_layers))
        self.out = zeroed(nn.Linear(width, out_channels))

    def forward(self, x: Tensor, time: Tensor, /, y: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Predict [b, out_channels] from points [b, in_channels], times [b], labels and conditions, as of ``UNet``.

        Raises:
            SettingsError: shapes or conditioning that the network was not built for.
        """
        if x.ndim != 2 or x.shape[1] != self.in_channels:
            raise SettingsError(f"network: points [b, {self.in_channels}] wanted, got shape {tuple(x.shape)}")
        check_labels(y, self.num_classes, self.num_attributes)
        return self.out(self.features(x, time, y, condition)).to(x.dtype)

    def features(self, x: Tensor, time: Tensor, /, y: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Return what the last layer reads of points [b, width]; arguments as of ``forward``."""
        check_condition(condition, self.condition_channels, 0)
        embedding = self.time_embed(time)
        if y is not None:
            embedding = embedding + self.label_emb(y)
        hidden = self.point(beside(x.to(embedding.dtype), condition)) + embedding
        for layer in self.layers:
            hidden = hidden + layer(F.silu(hidden))
        return F.silu(hidden)
