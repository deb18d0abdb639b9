"""All that a training run carries from step to step, to a checkpoint and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from idm.core.errors import NumericalError, ProcessError
from idm.core.progress import warn
from idm.storage import Checkpoint
from idm.storage.disk import first_not_finite
from idm.training.ema import Averages, ConstantRate, PowerFunction
from idm.training.guard import Guard
from idm.training.loss_scale import LOSS_SCALES, UNSCALED, LossScale
from idm.training.memory import is_out_of_memory
from idm.training.meter import LossMeter
from idm.training.optimizer import load_optimizer_state, make_optimizer, optimizer_state
from idm.training.settings import TrainingSettings
from idm.training.spread import Spread, whole_tensors
from idm.training.step import TrainStep

Tensors = dict[str, dict[str, Tensor]]
"""Tensors by name, by the name of their file in a checkpoint."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What changes while a network is trained, but for the count of steps and the files of the run.

    Where there are several processes, all of them must call each method.

    Attributes:
        step: how a step is made; it knows the settings and the processes, and its level sampler is saved with the rest.
        spread: the network, laid over the processes.
        optimizer: AdamW on this process's parts of the parameters.
        averages: averages of the weights.
        meter: losses since the last line of metrics.
        guard: which steps were bad, and which data are passed over.
        scale: what losses are multiplied by before gradients are taken.
    """

    step: TrainStep
    spread: Spread
    optimizer: torch.optim.Optimizer
    averages: Averages
    meter: LossMeter
    guard: Guard = field(default_factory=Guard)
    scale: LossScale = UNSCALED

    @classmethod
    def new(cls, spread: Spread, step: TrainStep, settings: TrainingSettings) -> "TrainingState":
        """Return the state before the first step."""
        profiles = [*map(ConstantRate, settings.ema_rates), *map(PowerFunction, settings.posthoc_sigma_rels)]
        return cls(
            step,
            spread,
            make_optimizer(spread.parameters.values(), settings),
            Averages(spread.values(), profiles),
            LossMeter(step.diffusion.num_timesteps, step.device),
            scale=LOSS_SCALES[settings.precision](step.device),
        )

    def tensors(self) -> Tensors:
        """Return all tensors in full, on the host of the main process; the others get none."""
        step, spread = self.step, self.spread
        groups = {"network": self._whole(spread.values().items())}
        for i, profile in enumerate(self.averages.profiles):
            groups[profile.name] = self._whole(self.averages.state(i).items())
        optimizer = optimizer_state(spread.parameters, self.optimizer)
        groups["optimizer"] = whole_tensors(spread, step.ranks, ((s.name, s.parameter, s.value) for s in optimizer))
        return {**groups, "timesteps": step.timesteps.state(), "meter": self.meter.state(step.ranks)}

    def document(self, step: int) -> dict[str, Any]:
        """Return the counters for a checkpoint of ``step``, JSON-able."""
        guard = self.guard.state(step)
        return {"ema_updates": self.averages.num_updates, "guard": guard, "loss_scale": self.scale.state()}

    def restore(self, checkpoint: Checkpoint, *, guard: bool = True) -> None:
        """Restore the state of a checkpoint.

        Args:
            checkpoint: what ``tensors`` and ``document`` returned, in "training" and files of the groups' names.
            guard: restore the guard as well; False: it keeps what it knows.
        """
        document, spread = checkpoint.document("training"), self.spread
        spread.load(checkpoint.tensors("network"))
        for i, profile in enumerate(self.averages.profiles):
            average = checkpoint.tensors(profile.name)
            self.averages.load_state(i, {name: spread.part(name, value) for name, value in average.items()})
        self.averages.num_updates = document["ema_updates"]
        load_optimizer_state(spread, self.optimizer, checkpoint.tensors("optimizer"))
        self.step.timesteps.load_state(checkpoint.tensors("timesteps"))
        if checkpoint.has("meter"):  # not in older checkpoints, like what is looked up below
            self.meter.load_state(checkpoint.tensors("meter"), self.step.ranks)
        if guard and "guard" in document:
            self.guard.load_state(document["guard"])
        if document.get("loss_scale"):
            self.scale.load_state(document["loss_scale"])

    def first_average(self) -> dict[str, Tensor]:
        """Return the weights that are sampled with, in full, on the host of the main process."""
        return self._whole(self.averages.state(0).items())

    def power_averages(self) -> Tensors:
        """Return the averages that others are made from afterwards, in full, on the host of the main process."""
        return {
            profile.name: self._whole(self.averages.state(i).items())
            for i, profile in enumerate(self.averages.profiles)
            if isinstance(profile, PowerFunction)
        }

    def averaged_network(self, average: Mapping[str, Tensor], *, needed: bool = False) -> nn.Module:
        """Return a copy of the network, in full, with ``first_average``, for evaluation; on the main process only.

        Args:
            average: what ``first_average`` returned.
            needed: where the device has no room for it beside what is trained, make it on the host, with a warning.

        Raises:
            ProcessError: the device has no room for it, and it is not needed.
        """
        network = _copy_that_fits(self.spread, needed=needed).eval().requires_grad_(False)
        network.load_state_dict(average, strict=False)  # counters and the like are not averaged
        return network

    def _whole(self, parts: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
        return whole_tensors(self.spread, self.step.ranks, ((name, name, part) for name, part in parts))


def _copy_that_fits(spread: Spread, *, needed: bool) -> nn.Module:
    try:
        return spread.plain_copy()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if not needed:
            raise ProcessError("no memory for a copy of the network on the device") from error
    warn("training: no memory for a copy of the network on the device; it is evaluated on the host, which is slow")
    return spread.plain_copy(on_host=True)


def refuse_not_finite(tensors: Tensors) -> None:
    """Refuse to save weights or averages that are not finite.

    Raises:
        NumericalError: a name and a tensor.
    """
    for name, group in tensors.items():
        if where := first_not_finite(group):
            raise NumericalError(f"training: {name} {where} is not finite; nothing is saved")


def ema_name(rate: float) -> str:
    """File name of the average of that rate in a checkpoint."""
    return ConstantRate(rate).name
