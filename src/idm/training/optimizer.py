"""AdamW, and its state by parameter name."""

import torch
from torch import Tensor, nn

from idm.training.settings import TrainingSettings


def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW over all parameters, in its fused form where the device has one."""
    parameters = list(network.parameters())
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)
    return torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused)


def optimizer_state(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten the optimiser's state to tensors named PARAMETER/KEY."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{names[parameter]}/{key}": value
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }


def load_optimizer_state(network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Restore what ``optimizer_state`` returned; learning rate and decay stay as they are set now."""
    parameters = dict(network.named_parameters())
    for full_name, value in state.items():
        name, _, key = full_name.rpartition("/")
        parameter = parameters[name]
        target = value.clone() if key == "step" else value.to(parameter.device).clone()
        optimizer.state[parameter][key] = target.to(parameter.device) if parameter.device.type == "cuda" else target
