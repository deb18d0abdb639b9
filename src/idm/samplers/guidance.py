"""Classifier-free guidance (Ho & Salimans 2022), as a network around a network.

Samplers, likelihoods and editing take it wherever they take a network.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.tensors import network_output
from idm.core.types import Network


@dataclass(frozen=True)
class ClassifierFreeGuidance:
    """Pushes predictions from the unconditional towards, or beyond, the conditional ones.

    Attributes:
        network: a class-conditional network, trained with some labels replaced by ``null_label``.
        scale: 1 is the conditional network, 0 the unconditional one, more than 1 exaggerates the class.
        null_label: the label that stands for no class.
    """

    network: Network
    scale: float
    null_label: int

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Predict with and without the label ``y`` in one batch.

        Only the first C channels are guided: a variance head means the same with and without guidance, and
        is the conditional one.
        """
        labels = conditioning["y"]
        twice = {name: torch.cat([value, value]) for name, value in conditioning.items()}
        twice["y"] = torch.cat([labels, torch.full_like(labels, self.null_label)])
        times = time[:1].expand(2 * len(time)) if time.stride(0) == 0 else torch.cat([time, time])
        output = network_output(self.network(torch.cat([x, x]), times, **twice))
        with_label, without = output.chunk(2)
        channels = x.shape[1]
        mean = torch.lerp(without[:, :channels], with_label[:, :channels], self.scale)
        return torch.cat([mean, with_label[:, channels:]], dim=1)
