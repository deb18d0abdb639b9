"""Dynamic thresholding, against numpy's percentile and the steps of Saharia et al. 2022, section 2.3."""

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, ModelMeanType, threshold_dynamically
from idm.samplers import SamplerDDIM, SamplerDDPM
from idm.schedules import cosine_schedule

SHAPES = [(3, 1), (2, 2), (4, 3, 5), (2, 1, 8, 8), (1, 2, 3, 2, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 0.9, 0.995, 1.0])
def test_each_sample_is_clamped_to_its_percentile_and_divided_by_it(shape: tuple[int, ...], share: float) -> None:
    x = np.random.default_rng(len(shape)).normal(scale=2.0, size=shape)
    ours = threshold_dynamically(torch.as_tensor(x), share)
    for sample, found in zip(x, ours.numpy(), strict=True):
        s = max(1.0, float(np.percentile(np.abs(sample), 100.0 * share)))
        np.testing.assert_allclose(found, np.clip(sample, -s, s) / s, rtol=1e-12)


def test_samples_that_are_in_range_stay_as_they_are_and_others_do_not_touch_them() -> None:
    x = torch.tensor([[-1.0, 0.2, 0.9], [-4.0, 2.0, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[-1.0, 0.2, 0.9], [-1.0, 0.5, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(threshold_dynamically(x, 1.0), expected)


def twice(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return 2.0 * x


def process() -> GaussianDiffusion:
    return GaussianDiffusion(cosine_schedule(8), model_mean_type=ModelMeanType.START_X)


@pytest.mark.parametrize("sampler", [SamplerDDIM, SamplerDDPM])
def test_a_sampler_with_a_threshold_uses_the_x_start_that_it_brings_to_range(sampler: type) -> None:
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 2, 4)))
    state = next(sampler(process(), threshold=0.9).trajectory(twice, x))
    torch.testing.assert_close(state.pred_xstart, threshold_dynamically(2.0 * x, 0.9), rtol=1e-12, atol=0)
    assert float(state.pred_xstart.abs().max()) == 1.0
    off = next(sampler(process()).trajectory(twice, x))
    torch.testing.assert_close(off.pred_xstart, (2.0 * x).clamp(-1, 1))


def test_a_denoiser_with_a_threshold_alone_is_not_clamped_beyond_it() -> None:
    x = torch.tensor([[0.2, 3.0, -0.4]], dtype=torch.float64)
    level = process().grid.level(3, x)
    found = process().denoiser(twice, clip=False, threshold=1.0)(x, level)
    torch.testing.assert_close(found.x_start, x / 3.0)
    assert torch.equal(found.raw, 2.0 * x)


@pytest.mark.parametrize("threshold", [-0.1, 1.2])
def test_shares_that_are_none_are_refused(threshold: float) -> None:
    with pytest.raises(SettingsError, match=r"^threshold: a number >= 0, <= 1 wanted, got"):
        SamplerDDPM(process(), threshold=threshold)


def test_it_is_refused_where_nothing_is_kept_in_range() -> None:
    with pytest.raises(SettingsError, match=r"^threshold: 0 wanted where x_0 is not kept .* set clip_denoised=true"):
        SamplerDDPM(process(), clip_denoised=False, threshold=0.99)
