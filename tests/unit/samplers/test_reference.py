"""One DDIM step, its reversal and the whole chain against improved-diffusion's outputs at fixed inputs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.types import Network
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.samplers import SamplerDDIM
from idm.schedules import linear_schedule, space_timesteps

REFERENCE = np.load(Path(__file__).parents[2] / "data" / "reference_core.npz")
CASES = [tuple(key.split("/")[2:]) for key in REFERENCE.files if key.startswith("ddimloop/")]
X, T = (torch.as_tensor(REFERENCE[f"in/{name}"]) for name in ("x", "t"))


def network(heads: int) -> Network:
    """The closed-form network that the reference outputs were made with."""

    def closed_form(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        tau = time.to(x.dtype).view(-1, 1, 1, 1)
        prediction = 0.7 * torch.sin(1.3 * x) + 0.2 * torch.cos(0.01 * tau) * x.flip(1)
        if heads == 1:
            return prediction
        return torch.cat([prediction, torch.tanh(0.5 * x.flip(2) + 0.003 * tau)], dim=1)

    return closed_form


def sampler_and_network(mean_type: str, var_type: str) -> tuple[SamplerDDIM, Network]:
    diffusion = GaussianDiffusion(
        linear_schedule(400), model_mean_type=ModelMeanType[mean_type], model_var_type=ModelVarType[var_type]
    ).respace(space_timesteps(400, "100"))
    return SamplerDDIM(diffusion), network(diffusion.variance.heads)


def relative_error(ours: Tensor, what: str, mean_type: str, var_type: str) -> float:
    theirs = torch.as_tensor(REFERENCE[f"{what}/linear/{mean_type}/{var_type}"])
    return float((ours - theirs).abs().max() / theirs.abs().max())


def test_the_reference_covers_every_pair_of_its_three_predictions_and_four_variances() -> None:
    assert len(set(CASES)) == 12


@pytest.mark.parametrize(("mean_type", "var_type"), CASES)
def test_one_ddim_step_is_the_references(mean_type: str, var_type: str) -> None:
    sampler, model = sampler_and_network(mean_type, var_type)
    # The reference casts its tables to float32 before it computes sigma and the direction's weight.
    assert relative_error(sampler.ddim_sample(model, X, T).sample, "ddim", mean_type, var_type) < 2e-5


@pytest.mark.parametrize(("mean_type", "var_type"), CASES)
def test_one_reverse_ddim_step_is_the_references(mean_type: str, var_type: str) -> None:
    sampler, model = sampler_and_network(mean_type, var_type)
    assert relative_error(sampler.ddim_reverse_sample(model, X, T).sample, "ddimrev", mean_type, var_type) < 2e-6


@pytest.mark.parametrize(("mean_type", "var_type"), CASES)
def test_a_whole_ddim_chain_is_the_references(mean_type: str, var_type: str) -> None:
    sampler, model = sampler_and_network(mean_type, var_type)
    assert relative_error(sampler.sample(model, X.shape, noise=X), "ddimloop", mean_type, var_type) < 5e-6
