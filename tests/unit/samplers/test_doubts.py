"""What a sampler says before it draws samples that nothing keeps in range, and what it refuses."""

from dataclasses import dataclass, replace
from typing import Annotated

import pytest
import torch
from annotated_types import Ge, Le

from idm.core import progress
from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, ModelMeanType
from idm.samplers import DDIMClipping, Sampler, SamplerDDIM, SamplerDDPM
from idm.samplers.base import warn_of_unclipped
from idm.schedules import cosine_schedule, linear_schedule

WHOLE = GaussianDiffusion(cosine_schedule(100))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said from here on."""
    found: list[str] = []
    monkeypatch.setattr(progress, "warn", found.append)
    progress.warn_once.cache_clear()
    return found


def test_unclipped_sampling_on_the_whole_cosine_chain_is_called_out_once_with_what_helps(said: list[str]) -> None:
    for sampler in (SamplerDDIM(WHOLE, clip_denoised=False), SamplerDDPM(WHOLE, clip_denoised=False)):
        sampler.sample(lambda x, time: x, (1, 1))
    (line,) = said
    ratio = (1 / WHOLE.schedule.alphas_cumprod[-1] - 1) ** 0.5
    assert f"it has {ratio:,.0f} times the error" in line
    steps = WHOLE.schedule.num_steps_below(20.0)
    assert f"clip_denoised=true, or take a chain of the first {steps} steps" in line
    warn_of_unclipped(SamplerDDIM(WHOLE.respace(range(steps)), clip_denoised=False))
    assert len(said) == 1, "the advice works"


@pytest.mark.parametrize(
    ("clip", "clipping", "advice"),
    [
        (True, DDIMClipping.NONE, "set clipping=rederive"),
        (False, DDIMClipping.NONE, "set clip_denoised=true and clipping=rederive"),
        (False, DDIMClipping.KEEP_EPS, "set clip_denoised=true"),
    ],
)
def test_the_advice_names_the_options_that_keep_x_0_in_range(
    clip: bool, clipping: DDIMClipping, advice: str, said: list[str]
) -> None:
    last_step_alone = WHOLE.respace([99])  # of its steps none is below the limit, and no shorter chain helps
    warn_of_unclipped(SamplerDDIM(last_step_alone, clip_denoised=clip, clipping=clipping))
    (line,) = said
    assert line.endswith(f"; {advice}")
    options: dict[str, object] = {"clip_denoised": True, "clipping": DDIMClipping.REDERIVE}
    taken = {name: value for name, value in options.items() if f"{name}=" in advice}
    assert replace(SamplerDDIM(last_step_alone, clip, clipping=clipping), **taken).clips


SAFE: dict[str, Sampler] = {
    "clipped": SamplerDDIM(WHOLE),
    "clipped, eps kept": SamplerDDIM(WHOLE, clipping=DDIMClipping.KEEP_EPS),
    "brought into range otherwise": SamplerDDPM(WHOLE, clip_denoised=False, denoised_fn=torch.tanh),
    "v": SamplerDDIM(WHOLE.replace(model_mean_type=ModelMeanType.V), clip_denoised=False),
    "x_0": SamplerDDIM(WHOLE.replace(model_mean_type=ModelMeanType.START_X), clip_denoised=False),
    "a chain that ends early": SamplerDDIM(GaussianDiffusion(linear_schedule(1000).respace(range(500))), False),
}


@pytest.mark.parametrize("sampler", SAFE.values(), ids=SAFE.keys())
def test_nothing_is_said_where_errors_stay_small_or_x_0_is_kept_in_range(sampler: Sampler, said: list[str]) -> None:
    warn_of_unclipped(sampler)
    assert said == []


@dataclass(frozen=True)
class Ordered(SamplerDDIM):
    """A sampler with an option that states its range."""

    order: Annotated[int, Ge(1), Le(3)] = 2


def test_the_range_that_an_option_states_is_kept_to_in_python_too() -> None:
    assert [Ordered(WHOLE, order=order).order for order in (1, 2, 3)] == [1, 2, 3]
    for order in (0, 7):
        with pytest.raises(SettingsError, match=f"order: a number >= 1, <= 3 wanted, got {order}"):
            Ordered(WHOLE, order=order)
