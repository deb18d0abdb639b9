"""Whether network and loss give the numbers of improved-diffusion, the published implementation.

``reference.npz`` holds its outputs at fixed inputs: of a U-Net whose weights follow from their names, and of the
hybrid loss for a network in closed form.
"""

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from idm.bench.check import FORWARD_TOLERANCE, LOSS_TOLERANCE, Check, largest
from idm.bench.sizes import Build, Configuration, our_unet
from idm.diffusion import DiscretizedDecoder, GaussianDiffusion, LossType, ModelVarType
from idm.schedules import linear_schedule, space_timesteps

NETWORK = Configuration("reference", 32, 3, 32, (1, 2, 2, 2), 2, (16, 8))
"""The U-Net whose output is known: the published one of CIFAR-10, with a quarter of its channels and two blocks."""
PROCESS = GaussianDiffusion(
    linear_schedule(400),
    model_var_type=ModelVarType.LEARNED_RANGE,
    loss_type=LossType.RESCALED_MSE,
    decoder=DiscretizedDecoder(reference_cdf=True),
).respace(space_timesteps(400, "100"))
"""The process whose loss is known."""


def check_reference(build: Build = our_unet) -> list[Check]:
    """Compare the output of a network with weights by name, and the loss, with the reference's numbers."""
    return list(_checks(build(NETWORK).eval(), stored()))


def stored() -> dict[str, Tensor]:
    """Read the inputs and the reference's outputs."""
    with np.load(Path(__file__).with_name("reference.npz")) as arrays:
        return {name: torch.as_tensor(arrays[name]) for name in arrays.files}


def _checks(network: nn.Module, known: Mapping[str, Tensor]) -> Iterator[Check]:
    network.load_state_dict({name: _weight(name, value.shape) for name, value in network.state_dict().items()})
    with torch.no_grad():
        output = network(known["network/x"], known["network/t"])
    yield Check("forward in float32 against the reference", largest(output, known["network/y"]), FORWARD_TOLERANCE)
    found = PROCESS.training_losses(_closed_form, known["loss/x_start"], known["loss/t"], noise=known["loss/noise"])
    yield Check("loss in float32 against the reference", largest(found.loss, known["loss/loss"]), LOSS_TOLERANCE)


def _weight(name: str, shape: torch.Size) -> Tensor:
    """Return the reference's value of a parameter."""
    values = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF).randn(*shape).astype(np.float32)
    if len(shape) >= 2:
        return torch.as_tensor((values / np.sqrt(np.prod(shape[1:]))).astype(np.float32))
    return torch.as_tensor(1 + 0.1 * values if name.endswith("weight") else 0.05 * values)


def _closed_form(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """Return a prediction and a variance without any weights."""
    tau = time.to(x.dtype).view(-1, 1, 1, 1)
    prediction = 0.7 * torch.sin(1.3 * x) + 0.2 * torch.cos(0.01 * tau) * x.flip(1)
    return torch.cat([prediction, torch.tanh(0.5 * x.flip(2) + 0.003 * tau)], dim=1)
