"""The loop that every sampler shares: where it starts, what it shows the network, what it refuses."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.terminal import TERMINAL
from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.editing import encode, inversion_process
from idm.likelihood import calc_bpd_loop
from idm.samplers import DDIMClipping, Sampler, SamplerDDIM, SamplerDDPM, Seed
from idm.schedules import cosine_schedule, linear_schedule, space_timesteps

DIFFUSION = GaussianDiffusion(cosine_schedule(12), model_var_type=ModelVarType.FIXED_SMALL)
KINDS = [SamplerDDPM(DIFFUSION), SamplerDDIM(DIFFUSION), SamplerDDIM(DIFFUSION, eta=1.0)]
SHAPE = (3, 2, 4, 4)


def half_sine(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return 0.5 * torch.sin(x) + 0.001 * time.to(x.dtype).view(-1, *(1,) * (x.ndim - 1))


class Witness:
    """A network that remembers what it was shown."""

    def __init__(self) -> None:
        self.times: list[list[int]] = []
        self.conditioning: list[dict[str, Tensor]] = []

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        self.times.append(time.tolist())
        self.conditioning.append(conditioning)
        return torch.zeros_like(x)


@pytest.mark.parametrize("sampler", KINDS)
def test_the_network_sees_the_original_step_numbers_from_noisy_to_clean(sampler: Sampler) -> None:
    witness = Witness()
    short = type(sampler)(DIFFUSION.respace([1, 4, 5, 11]))
    short.sample(witness, SHAPE)
    assert witness.times == [[11] * 3, [5] * 3, [4] * 3, [1] * 3]


@pytest.mark.parametrize("sampler", KINDS)
def test_the_network_sees_the_conditioning_at_every_step(sampler: Sampler) -> None:
    witness, labels = Witness(), torch.tensor([7, 8, 9])
    sampler.sample(witness, SHAPE, model_kwargs={"y": labels})
    assert len(witness.conditioning) == 12
    assert all(torch.equal(seen["y"], labels) for seen in witness.conditioning)


@pytest.mark.parametrize("sampler", KINDS)
@pytest.mark.parametrize("start", [0, 1, 7, 11])
def test_a_trajectory_may_start_at_any_step_and_takes_one_state_from_each_below(sampler: Sampler, start: int) -> None:
    witness, x = Witness(), torch.ones(SHAPE)
    states = list(sampler.trajectory(witness, x, start=start))
    assert [times[0] for times in witness.times] == list(range(start, -1, -1))
    assert len(states) == start + 1


@pytest.mark.parametrize("sampler", KINDS)
def test_stopping_halfway_and_starting_there_again_is_the_whole_trajectory(sampler: Sampler) -> None:
    x = sampler.initial_noise(SHAPE, seed=5)
    whole = [state.sample for state in sampler.trajectory(half_sine, x, seed=5)]
    rest = [state.sample for state in sampler.trajectory(half_sine, whole[4], seed=5, start=6)]
    for ours, theirs in zip(rest, whole[5:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("start", [-2, 12])
def test_a_start_outside_of_the_chain_is_refused(start: int) -> None:
    with pytest.raises(SettingsError, match="start"):
        next(SamplerDDIM(DIFFUSION).trajectory(half_sine, torch.zeros(SHAPE), start=start))


def test_noise_of_another_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(SettingsError, match=r"noise: shape \(3, 2, 4, 4\) wanted, got \(3, 2, 4, 5\)"):
        KINDS[0].sample(half_sine, SHAPE, noise=torch.zeros(3, 2, 4, 5))


@pytest.mark.parametrize("shape", [(3,), (0, 2, 4), (3, 2, 0)])
def test_a_shape_without_batch_channels_or_extent_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="shape"):
        KINDS[0].sample(half_sine, shape)


def test_as_many_seeds_as_images_are_wanted() -> None:
    with pytest.raises(SettingsError, match="seed"):
        KINDS[0].sample(half_sine, SHAPE, seed=[1, 2])


def test_one_integer_seeds_consecutive_images() -> None:
    torch.testing.assert_close(
        KINDS[0].sample(half_sine, SHAPE, seed=40), KINDS[0].sample(half_sine, SHAPE, seed=[40, 41, 42]), rtol=0, atol=0
    )


def test_initial_noise_is_standard_normal() -> None:
    x = KINDS[0].initial_noise((64, 1, 64, 64), seed=3).double()
    # Standard errors over n = 262,144 numbers: 1/sqrt(n) = 0.002, sqrt(2/n), sqrt(96/n); five of each allowed.
    assert abs(float(x.mean())) < 0.010
    assert abs(float(x.var()) - 1.0) < 0.014
    assert abs(float((x**4).mean()) - 3.0) < 0.096


def test_a_sampler_is_a_value() -> None:
    for sampler in KINDS:
        with pytest.raises(FrozenInstanceError):
            sampler.clip_denoised = False  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("sampler", KINDS)
def test_progress_reports_on_standard_error_only_and_changes_no_sample(
    sampler: Sampler, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = sampler.sample(half_sine, SHAPE, seed=1)
    assert capsys.readouterr() == ("", "")
    loud = sampler.sample(half_sine, SHAPE, seed=1, listener=TERMINAL)
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "12/12" in seen.err
    torch.testing.assert_close(loud, quiet, rtol=0, atol=0)


@pytest.mark.parametrize("sampler", KINDS)
def test_a_float32_network_may_drive_a_float64_chain(sampler: Sampler) -> None:
    def single(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return half_sine(x.float(), time)

    noise = sampler.initial_noise(SHAPE, seed=2)
    wide = sampler.sample(single, SHAPE, noise=noise.double(), seed=2)
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide.float(), sampler.sample(half_sine, SHAPE, noise=noise, seed=2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sampler", KINDS)
def test_sampling_builds_no_gradient_and_leaves_the_callers_gradient_mode_alone(sampler: Sampler) -> None:
    weight = torch.ones((), requires_grad=True)

    def weighted(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return weight * half_sine(x, time)

    for state in sampler.trajectory(weighted, torch.ones(SHAPE)):
        assert not state.sample.requires_grad
        assert torch.is_grad_enabled()
    assert not sampler.sample(weighted, SHAPE).requires_grad
    assert torch.is_grad_enabled()


def test_the_chain_runs_on_the_device_of_the_networks_parameters_by_default() -> None:
    class OnMeta(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros((), device="meta"))

        def forward(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
            return x * self.weight

    sampler = SamplerDDIM(DIFFUSION.respace([11]))
    assert sampler.sample(OnMeta(), SHAPE).device.type == "meta"
    assert sampler.sample(half_sine, SHAPE).device.type == "cpu"


def test_a_sampler_is_written_as_its_steps_and_what_is_not_the_default() -> None:
    assert repr(SamplerDDPM(DIFFUSION)) == "SamplerDDPM(12 of 12 steps)"
    short = DIFFUSION.respace([0, 5, 11])
    written = repr(SamplerDDIM(short, denoised_fn=torch.tanh, eta=0.5, clipping=DDIMClipping.KEEP_EPS))
    assert written == "SamplerDDIM(3 of 12 steps, denoised_fn=tanh, eta=0.5, clipping=keep_eps)"


@pytest.mark.parametrize(
    "seed", [np.int64(7), torch.tensor(7), [7, 8, 9], np.array([7, 8, 9]), torch.tensor([7, 8, 9])]
)
def test_seeds_are_taken_in_every_form(seed: Seed) -> None:
    sampler = SamplerDDIM(DIFFUSION)
    assert torch.equal(sampler.sample(half_sine, SHAPE, seed=seed), sampler.sample(half_sine, SHAPE, seed=7))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("number", [1.5, True, "3"])
def test_counts_that_are_no_whole_numbers_are_refused_in_one_line(number: Any) -> None:
    sampler, x = SamplerDDIM(DIFFUSION), torch.zeros(SHAPE)
    calls: dict[str, Callable[[], object]] = {
        "seed": lambda: sampler.sample(half_sine, SHAPE, seed=number),
        "seed ": lambda: sampler.sample(half_sine, (1, 2), seed=[number]),
        "shape": lambda: sampler.sample(half_sine, (number, 2)),
        "start": lambda: next(sampler.trajectory(half_sine, x, start=number)),
        "level": lambda: encode(DIFFUSION, half_sine, x, level=number),
        "steps": lambda: inversion_process(DIFFUSION, number),
        "batch_size": lambda: calc_bpd_loop(DIFFUSION, half_sine, x, batch_size=number),
        "respacing": lambda: DIFFUSION.respace([number]),
        "respacing ": lambda: space_timesteps(12, [number]),
        "num_timesteps": lambda: cosine_schedule(number),
        "num_timesteps ": lambda: linear_schedule(number),
    }
    for name, call in calls.items():
        with pytest.raises(SettingsError, match=f"^{name.strip()}: a .*wanted, got {number!r}$"):
            call()
