"""What is timed: an implementation of diffusion models that trains and samples U-Nets."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idm.bench.flops import forward_flops
from idm.bench.harness import Contestant
from idm.bench.sizes import Configuration

CPU = torch.device("cpu")
NUM_TIMESTEPS = 1000
LEARNING_RATE, CLIP_GRAD_NORM = 1e-4, 1.0
"""Learning rate and gradient clipping of every training recipe."""
MIDDLE_TIME = 500.0
"""The time at which networks are called; which one it is makes no difference to their speed."""


@dataclass(frozen=True)
class Entrant(ABC):
    """An implementation with its own network, training recipe and samplers.

    Whatever a method returns is built anew, with weights from one seed, and may be called any number of times.

    Attributes:
        name: how its rows are called.
        dtype: number format of its convolutions and matrix products.
        device: where it computes.
    """

    name: str
    dtype: torch.dtype = torch.float32
    device: torch.device = CPU

    @abstractmethod
    def network(self, config: Configuration) -> nn.Module:
        """Build the network of that size on the device, with random weights everywhere."""

    @abstractmethod
    def predictor(self, network: nn.Module) -> Callable[[Tensor, Tensor], object]:
        """Return what is called with (x, time) when sampling."""

    @abstractmethod
    def training_step(self, config: Configuration, batch: int) -> Contestant:
        """Return one optimiser step of its own recipe: loss, gradients, clipping, update, average of the weights."""

    @abstractmethod
    def ddpm(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """Return ancestral sampling of a whole batch from noise."""

    @abstractmethod
    def ddim(self, config: Configuration, batch: int, steps: int) -> Contestant:
        """Return deterministic sampling of a whole batch from noise."""

    def forward(self, config: Configuration, batch: int) -> Contestant:
        """Return one call of the network without gradients."""
        predict = self.predictor(self.network(config).eval())
        x, time = self.data(config, batch), torch.full((batch,), MIDDLE_TIME, device=self.device)

        @torch.no_grad()
        def call() -> None:
            predict(x, time)

        return call

    def data(self, config: Configuration, batch: int) -> Tensor:
        """Random samples on the device, the same at every call."""
        return config.data(batch).to(self.device)

    def forward_flops(self, config: Configuration) -> int:
        """Operations of one call of the network on one image."""
        return forward_flops(self.network(config).eval(), config.data(1), torch.full((1,), MIDDLE_TIME))
