"""AdamW, and its state by parameter name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idm.training.settings import TrainingSettings
from idm.training.spread import Spread

COUNTER = "step"
"""Key of the one state that has not the parameter's shape."""

COUNT = torch.zeros(())
"""What that state is like."""

KEYS = {COUNTER, "exp_avg", "exp_avg_sq"}
"""Keys of the state of a parameter."""


@dataclass(frozen=True)
class OptimizerTensor:
    """A tensor of the optimiser's state.

    Attributes:
        name: PARAMETER/KEY.
        parameter: name of the parameter whose shape it has; empty if it has none.
        value: the tensor, or this process's part of it.
    """

    name: str
    parameter: str
    value: Tensor


def make_optimizer(parameters: Iterable[nn.Parameter], settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW over all parameters, in its fused form where the device has one."""
    found = list(parameters)
    fused = all(p.device.type in ("cpu", "cuda") for p in found)
    return torch.optim.AdamW(found, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused)


def optimizer_state(
    parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> Iterator[OptimizerTensor]:
    """Flatten the optimiser's state, in the order of the parameters."""
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            yield OptimizerTensor(f"{name}/{key}", "" if key == COUNTER else name, value)


def load_optimizer_state(spread: Spread, optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Restore what ``optimizer_state`` gave, in full; learning rate and decay stay as they are set now.

    Raises:
        KeyError: a parameter that the network has not.
        ValueError: tensors that are not those of an optimiser of this network.
    """
    for full_name, value in state.items():
        name, _, key = full_name.rpartition("/")
        parameter = spread.parameters[name]
        part = value if key == COUNTER else spread.part(name, value)
        like = COUNT if key == COUNTER else parameter
        if (part.shape, part.dtype) != (like.shape, like.dtype):
            raise ValueError(f"optimiser: {full_name} of another shape or type")
        on_device = key != COUNTER or parameter.device.type == "cuda"
        optimizer.state[parameter][key] = part.to(parameter.device, copy=True) if on_device else part.clone()
    if any(values.keys() != KEYS for values in optimizer.state.values()):
        raise ValueError("optimiser: the same tensors of every parameter wanted, got others")
