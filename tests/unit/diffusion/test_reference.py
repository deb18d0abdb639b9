"""The process against improved-diffusion's outputs at fixed inputs: every number of ``reference_core.npz``.

Two arrays agree to 1e-5 if max|a - b| <= 1e-5 max|b|. The DDIM entries are compared in
tests/unit/samplers/test_reference.py.
"""

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.types import Network
from idm.diffusion import DiscretizedDecoder, GaussianDiffusion, LossType, ModelMeanType, ModelVarType
from idm.schedules import linear_schedule, space_timesteps

REFERENCE = np.load(Path(__file__).parents[2] / "data" / "reference_core.npz")
X_START, NOISE, X, T = (torch.as_tensor(REFERENCE[f"in/{name}"]) for name in ("x0", "noise", "x", "t"))
MEAN_TYPES = ("PREVIOUS_X", "START_X", "EPSILON")
VAR_TYPES = ("LEARNED", "FIXED_SMALL", "FIXED_LARGE", "LEARNED_RANGE")
LEARNED = ("LEARNED", "LEARNED_RANGE")
MODELS = list(itertools.product(MEAN_TYPES, VAR_TYPES))
CLIPS = (True, False)
STEP_FIELDS = ("mean", "variance", "log_variance", "pred_xstart")
TABLES = (
    "betas",
    "alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "sqrt_recipm1_alphas_cumprod",
)
SPACES = ("100/7,3", "300/10,15,20", "1000/100", "1000/ddim25", "1000/ddim50", "4000/250", "4000/ddim100")

every_model = pytest.mark.parametrize(("mean_type", "var_type"), MODELS)
either_clip = pytest.mark.parametrize("clip", CLIPS)


def pmv_key(mean_type: str, var_type: str, clip: bool, field: str) -> str:
    return f"pmv/linear/{mean_type}/{var_type}/{int(clip)}/{field}"


def loss_key(mean_type: str, var_type: str, loss_type: LossType, term: str) -> str:
    return f"loss/linear/{mean_type}/{var_type}/{loss_type.name}/{term}"


def loss_terms(var_type: str, loss_type: LossType) -> list[str]:
    """The terms that the reference returns: the bound term is only told apart from a loss with more in it."""
    if loss_type in (LossType.KL, LossType.RESCALED_KL):
        return ["loss"]
    return ["loss", "mse", *(["vb"] if var_type in LEARNED else [])]


def keys_compared() -> set[str]:
    """The entries that the tests of this file and of the samplers' read."""
    keys = {f"in/{name}" for name in ("x0", "noise", "x", "t")} | {"map/linear", "prior/linear"}
    keys |= {f"qmv/linear/{name}" for name in ("mean", "var", "logvar")}
    keys |= {f"qpost/linear/{name}" for name in ("mean", "logvar")}
    keys |= {f"space/{space}" for space in SPACES}
    keys |= {f"table/linear/{number}/{name}" for number in (50, 1000) for name in ("idx", *TABLES)}
    for model in MODELS:
        keys |= {f"{what}/linear/{'/'.join(model)}" for what in ("ddim", "ddimrev", "ddimloop")}
        keys |= {f"vb/linear/{'/'.join(model)}/{int(clip)}" for clip in CLIPS}
        keys |= {pmv_key(*model, clip, field) for clip in CLIPS for field in STEP_FIELDS}
        keys |= {loss_key(*model, kind, term) for kind in LossType for term in loss_terms(model[1], kind)}
    return keys


def test_every_entry_of_the_reference_is_compared() -> None:
    assert keys_compared() == set(REFERENCE.files)


def test_268_of_the_entries_are_outputs_as_the_documentation_says() -> None:
    given = {key for key in REFERENCE.files if key.startswith("in/") or key.endswith("/idx")}
    assert len(set(REFERENCE.files) - given) == 268


@cache
def process(mean_type: str, var_type: str, loss_type: LossType = LossType.MSE) -> GaussianDiffusion:
    return GaussianDiffusion(
        linear_schedule(400),
        model_mean_type=ModelMeanType[mean_type],
        model_var_type=ModelVarType[var_type],
        loss_type=loss_type,
        decoder=DiscretizedDecoder(reference_cdf=True),
    ).respace(space_timesteps(400, "100"))


def network(heads: int) -> Network:
    """The closed-form network that the reference outputs were made with."""

    def closed_form(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        tau = time.to(x.dtype).view(-1, 1, 1, 1)
        prediction = 0.7 * torch.sin(1.3 * x) + 0.2 * torch.cos(0.01 * tau) * x.flip(1)
        if heads == 1:
            return prediction
        return torch.cat([prediction, torch.tanh(0.5 * x.flip(2) + 0.003 * tau)], dim=1)

    return closed_form


def assert_agrees(ours: Tensor | np.ndarray, key: str, tolerance: float = 1e-5) -> None:
    theirs = REFERENCE[key]
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


# Schedules


@pytest.mark.parametrize("number", [50, 1000])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_references(number: int, name: str) -> None:
    steps = REFERENCE[f"table/linear/{number}/idx"]
    assert_agrees(getattr(linear_schedule(number), name)[steps], f"table/linear/{number}/{name}", 1e-11)


@pytest.mark.parametrize("space", SPACES)
def test_the_kept_steps_are_the_references(space: str) -> None:
    number, spec = space.split("/")
    assert space_timesteps(int(number), spec) == REFERENCE[f"space/{space}"].tolist()


def test_the_respaced_chain_shows_the_network_the_references_steps() -> None:
    diffusion = process("EPSILON", "FIXED_LARGE")
    assert diffusion.schedule.timesteps.tolist() == REFERENCE["map/linear"].tolist()
    assert diffusion.network_time(torch.arange(100), X).tolist() == REFERENCE["map/linear"].tolist()


# Forward process


def test_the_marginal_is_the_references() -> None:
    marginal = process("EPSILON", "FIXED_LARGE").q_mean_variance(X_START, T)
    assert_agrees(marginal.mean, "qmv/linear/mean")
    for ours, name in ((marginal.variance, "var"), (marginal.log_variance, "logvar")):
        assert_agrees(ours[:, 0, 0, 0], f"qmv/linear/{name}")
        assert torch.equal(ours, ours[:, :1, :1, :1].expand_as(ours))


def test_the_posterior_is_the_references() -> None:
    posterior = process("EPSILON", "FIXED_LARGE").q_posterior(X_START, X, T)
    assert_agrees(posterior.mean, "qpost/linear/mean")
    assert_agrees(posterior.log_variance[:, 0, 0, 0], "qpost/linear/logvar")
    assert torch.equal(posterior.log_variance, posterior.log_variance[:, :1, :1, :1].expand_as(posterior.mean))


def test_the_prior_term_is_the_references() -> None:
    assert_agrees(process("EPSILON", "FIXED_LARGE").prior_bpd(X_START), "prior/linear")


# Reverse process


@every_model
@either_clip
@pytest.mark.parametrize("field", ["mean", "log_variance", "pred_xstart"])
def test_a_reverse_step_is_the_references(mean_type: str, var_type: str, clip: bool, field: str) -> None:
    diffusion = process(mean_type, var_type)
    step = diffusion.p_mean_variance(network(diffusion.variance.heads), X, T, clip_denoised=clip)
    assert_agrees(getattr(step, field), pmv_key(mean_type, var_type, clip, field))


@every_model
@either_clip
def test_its_variance_is_the_references_but_for_the_zero_that_contradicts_its_logarithm(
    mean_type: str, var_type: str, clip: bool
) -> None:
    diffusion = process(mean_type, var_type)
    step = diffusion.p_mean_variance(network(diffusion.variance.heads), X, T, clip_denoised=clip)
    theirs = REFERENCE[pmv_key(mean_type, var_type, clip, "variance")]
    if var_type == "FIXED_SMALL":
        assert int(T[0]) == 0
        assert np.abs(theirs[0]).max() == 0.0
        theirs = np.concatenate([np.exp(REFERENCE[pmv_key(mean_type, var_type, clip, "log_variance")][:1]), theirs[1:]])
    assert np.abs(step.variance.numpy() - theirs).max() <= 1e-5 * np.abs(theirs).max()


# Bound and losses


@every_model
@either_clip
def test_a_term_of_the_bound_is_the_references(mean_type: str, var_type: str, clip: bool) -> None:
    diffusion = process(mean_type, var_type)
    x_t = diffusion.q_sample(X_START, T, NOISE)
    terms = diffusion._vb_terms_bpd(network(diffusion.variance.heads), X_START, x_t, T, clip_denoised=clip)
    assert_agrees(terms.output, f"vb/linear/{mean_type}/{var_type}/{int(clip)}")


@every_model
@pytest.mark.parametrize("loss_type", list(LossType))
def test_a_loss_and_its_terms_are_the_references(mean_type: str, var_type: str, loss_type: LossType) -> None:
    diffusion = process(mean_type, var_type, loss_type)
    ours = diffusion.training_losses(network(diffusion.variance.heads), X_START, T, noise=NOISE)
    for term in loss_terms(var_type, loss_type):
        assert_agrees(getattr(ours, term), loss_key(mean_type, var_type, loss_type, term))
