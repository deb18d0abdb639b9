"""All that a training run carries from step to step, to a checkpoint and back."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from idm.core.errors import NumericalError
from idm.timesteps import TimestepSampler
from idm.training.checkpoint import Checkpoint
from idm.training.disk import first_not_finite
from idm.training.ema import ExponentialMovingAverage
from idm.training.guard import Guard
from idm.training.meter import LossMeter
from idm.training.optimizer import load_optimizer_state, optimizer_state


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What changes while a network is trained, but for the count of steps and the files of the run."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    ema: ExponentialMovingAverage
    timesteps: TimestepSampler
    meter: LossMeter
    guard: Guard

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return all tensors, by name and by the name of their file in a checkpoint.

        Raises:
            NumericalError: weights or averages are not finite.
        """
        averages = {ema_name(rate): self.ema.state(i) for i, rate in enumerate(self.ema.rates)}
        groups = {"network": self.network.state_dict(), **averages}
        for name, group in groups.items():
            if where := first_not_finite(group):
                raise NumericalError(f"training: {name} {where} is not finite; nothing is saved")
        return {
            **groups,
            "optimizer": optimizer_state(self.network, self.optimizer),
            "timesteps": self.timesteps.state(),
            "meter": self.meter.state(),
        }

    def document(self) -> dict[str, Any]:
        """Return the counters, JSON-able."""
        return {"ema_updates": self.ema.num_updates, "guard": self.guard.state()}

    def restore(self, checkpoint: Checkpoint, *, guard: bool = True) -> None:
        """Restore the state of a checkpoint.

        Args:
            checkpoint: what ``tensors`` and ``document`` returned, in "training" and files of the groups' names.
            guard: restore the guard as well; False: it keeps what it knows.
        """
        document = checkpoint.document("training")
        self.network.load_state_dict(checkpoint.tensors("network"))
        for i, rate in enumerate(self.ema.rates):
            self.ema.load_state(i, checkpoint.tensors(ema_name(rate)))
        self.ema.num_updates = document["ema_updates"]
        load_optimizer_state(self.network, self.optimizer, checkpoint.tensors("optimizer"))
        self.timesteps.load_state(checkpoint.tensors("timesteps"))
        if checkpoint.has("meter"):  # not in older checkpoints
            self.meter.load_state(checkpoint.tensors("meter"))
        if guard and "guard" in document:
            self.guard.load_state(document["guard"])

    def averaged_network(self) -> nn.Module:
        """Return a copy of the network with the first average's weights, for evaluation."""
        network = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.ema.copy_to(network)
        return network


def ema_name(rate: float) -> str:
    """File name of the average of that rate in a checkpoint."""
    return f"ema-{rate}"
