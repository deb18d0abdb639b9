"""Steps, outputs of networks and of functions that are none are refused in the package's own words."""

import re
from dataclasses import dataclass
from typing import Any, cast

import pytest
import torch

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion
from idm.samplers import SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(20))
X = torch.zeros(4, 1, 3)


@dataclass
class Output:
    """What networks of other libraries return."""

    sample: torch.Tensor


def network(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    return x


WITH_T: dict[str, Any] = {
    "q_sample": lambda t: DIFFUSION.q_sample(X, t),
    "q_mean_variance": lambda t: DIFFUSION.q_mean_variance(X, t),
    "q_posterior": lambda t: DIFFUSION.q_posterior(X, X, t),
    "predict": lambda t: DIFFUSION.predict(network, X, t),
    "p_mean_variance": lambda t: DIFFUSION.p_mean_variance(network, X, t),
    "training_losses": lambda t: DIFFUSION.training_losses(network, X, t),
    "predict_xstart_from_eps": lambda t: DIFFUSION.predict_xstart_from_eps(X, t, X),
    "ddim_sample": lambda t: SamplerDDIM(DIFFUSION).ddim_sample(network, X, t),
    "p_sample": lambda t: SamplerDDPM(DIFFUSION).p_sample(network, X, t),
}

WRONG: dict[str, tuple[Any, str]] = {
    "one too many": (20, "t: a step in [0, 20) wanted, got 20"),
    "negative": (-1, "t: a step in [0, 20) wanted, got -1"),
    "one of several": (torch.tensor([0, 3, 20, 1]), "t: steps in [0, 20) wanted, got 0 to 20"),
    "a negative one of several": (torch.tensor([0, -3, 2, 1]), "t: steps in [0, 20) wanted, got -3 to 2"),
    "floats": (torch.zeros(4), "got float32 of shape (4,)"),
    "truth values": (torch.zeros(4, dtype=torch.bool), "got bool of shape (4,)"),
    "too few": (torch.zeros(3, dtype=torch.int64), "t: 4 steps wanted, one per sample, got 3"),
    "no axis": (torch.tensor(3), "got int64 of shape ()"),
    "two axes": (torch.zeros(4, 1, dtype=torch.int64), "got int64 of shape (4, 1)"),
}


@pytest.mark.parametrize("call", WITH_T.values(), ids=WITH_T.keys())
@pytest.mark.parametrize(("t", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_are_no_steps_of_the_chain_is_refused_in_a_line(call: Any, t: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)) as caught:
        call(t)
    assert len(caught.value.lines) == 1


@pytest.mark.parametrize("call", WITH_T.values(), ids=WITH_T.keys())
def test_the_first_and_the_last_step_are_steps(call: Any) -> None:
    for t in (0, 19, torch.tensor([0, 19, 7, 0])):
        call(t)


@pytest.mark.parametrize("output", [Output(X), (X,), {"sample": X}, None, 3.0], ids=lambda value: type(value).__name__)
def test_a_network_that_returns_no_tensor_is_told_what_was_wanted(output: object) -> None:
    def model(x: torch.Tensor, time: torch.Tensor) -> Any:
        return output

    with pytest.raises(SettingsError, match="network: a tensor wanted as its output") as caught:
        DIFFUSION.p_mean_variance(cast(Any, model), X, 3)
    assert type(output).__name__ in caught.value.lines[0]


def test_a_network_that_returns_another_shape_is_told_which() -> None:
    for wrong in (X[:2], X[..., :2], X[:, :, 0], torch.zeros(())):
        with pytest.raises(SettingsError, match=re.escape(f"got {tuple(wrong.shape)}")):
            DIFFUSION.predict(lambda x, time, wrong=wrong: wrong, X, 3)


def test_a_denoised_fn_that_returns_no_such_tensor_is_told_what_was_wanted() -> None:
    for result, words in ((Output(X), "got Output"), (None, "got NoneType"), (X[:2], r"got \(2, 1, 3\)")):
        with pytest.raises(SettingsError, match=rf"denoised_fn: .*{words}"):
            DIFFUSION.p_mean_variance(network, X, 3, denoised_fn=cast(Any, lambda x, result=result: result))


@pytest.mark.parametrize("keep", [7, torch.tensor(7)])
def test_one_number_is_no_choice_of_steps(unchecked_types, keep):
    for whole in (cosine_schedule(20), DIFFUSION):
        with pytest.raises(SettingsError, match=r"respacing: several values wanted, such as range\(0, 1000, 20\), got"):
            whole.respace(keep)
