"""The U-Net against improved-diffusion's outputs, with every parameter filled by a recipe from its name."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from idm.interop.openai import unet_from_flags
from idm.networks import UNet

DATA = Path(__file__).parents[2] / "data"
DESCRIBED = json.loads((DATA / "reference_unet.json").read_text(encoding="utf-8"))
OUTPUTS = np.load(DATA / "reference_unet.npz")


def build(name: str) -> UNet:
    """From the scripts' flags, or from the constructor's arguments (which are the reference's own names)."""
    flags = dict(DESCRIBED[name]["flags"])
    if "image_size" in flags:
        return unet_from_flags(flags)
    flags["attention_resolutions"] = tuple(flags["attention_resolutions"])
    flags["channel_mult"] = tuple(flags["channel_mult"])
    return UNet(**flags)


def fill(network: nn.Module) -> nn.Module:
    """The recipe of the reference data."""
    state = {}
    for name, shape in ((name, tuple(value.shape)) for name, value in network.state_dict().items()):
        values = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF).randn(*shape).astype(np.float32)
        if len(shape) >= 2:
            values = values / np.sqrt(np.prod(shape[1:]))
        else:
            values = 1 + 0.1 * values if name.endswith("weight") else 0.05 * values
        state[name] = torch.as_tensor(values.astype(np.float32))
    network.load_state_dict(state, strict=True)
    return network.eval()


def test_the_reference_holds_a_two_dimensional_and_a_one_dimensional_network() -> None:
    assert sorted({name.split("/")[0] for name in OUTPUTS.files}) == sorted(DESCRIBED)
    assert sorted(DESCRIBED) == ["iddpm_1d", "iddpm_cifar_like"]


@pytest.mark.parametrize("name", sorted(DESCRIBED))
def test_parameters_have_the_references_names_and_shapes_in_its_order(name: str) -> None:
    ours = {key: list(value.shape) for key, value in build(name).state_dict().items()}
    assert ours == DESCRIBED[name]["keys"]
    assert sum(parameter.numel() for parameter in build(name).parameters()) == DESCRIBED[name]["params"]


@pytest.mark.parametrize("name", sorted(DESCRIBED))
def test_the_output_is_the_references(name: str) -> None:
    x, t, expected = (torch.as_tensor(OUTPUTS[f"{name}/{what}"]) for what in "xty")
    with torch.no_grad():
        ours = fill(build(name))(x, t)
    assert float((ours - expected).abs().max() / expected.abs().max()) < 1e-5


def test_float64_agrees_with_float32_to_its_precision() -> None:
    network = fill(build("iddpm_1d"))
    x, t = (torch.as_tensor(OUTPUTS[f"iddpm_1d/{what}"]) for what in "xt")
    with torch.no_grad():
        single, double = network(x, t), network.double()(x.double(), t)
    assert double.dtype == torch.float64
    assert float((single - double).abs().max() / double.abs().max()) < 1e-5
