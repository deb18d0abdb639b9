"""Encoding and decoding between explicit levels, against the affine maps of a linear network."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.terminal import TERMINAL
from idm.core.types import Network
from idm.diffusion import Denoiser, GaussianDiffusion, ModelVarType
from idm.editing import CLEAN, decode, decoding, edit, encode, inversion_process
from idm.samplers import SamplerDDPM
from idm.schedules import cosine_schedule

TOP = 7
ABAR = cosine_schedule(TOP + 1).alphas_cumprod
DIFFUSION = GaussianDiffusion(cosine_schedule(TOP + 1), model_var_type=ModelVarType.FIXED_SMALL)
X = torch.linspace(-1.0, 1.0, 2 * 1 * 3 * 3, dtype=torch.float64).view(2, 1, 3, 3)


def linear(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    """eps = 0.4 x + 0.1, or 0.1 y for a label y."""
    y = conditioning.get("y", torch.ones_like(time))
    return 0.4 * x + 0.1 * y.to(x.dtype).view(-1, 1, 1, 1)


def bound(
    model: Network, conditioning: dict[str, Tensor] | None = None, diffusion: GaussianDiffusion = DIFFUSION
) -> Denoiser:
    return diffusion.denoiser(model, conditioning=conditioning, clip=False)


LINEAR = bound(linear)


def move(x: np.ndarray, abar: float, target: float, offset: float = 0.1) -> np.ndarray:
    """From level ``abar`` to level ``target`` along eps(x)."""
    eps = 0.4 * x + offset
    x_start = (x - math.sqrt(1.0 - abar) * eps) / math.sqrt(abar)
    return math.sqrt(target) * x_start + math.sqrt(1.0 - target) * eps


def encoded(level: int) -> np.ndarray:
    """From the clean level 1 through abar_0, abar_1, ... to abar_level; clean data are shown as step 0."""
    x, here = X.numpy(), 1.0
    for t in range(level + 1):
        x, here = move(x, here, ABAR[t]), ABAR[t]
    return x


def decoded(x: np.ndarray, level: int, offset: float = 0.1) -> np.ndarray:
    for t in range(level, -1, -1):
        x = move(x, ABAR[t], ABAR[t - 1] if t else 1.0, offset)
    return x


@pytest.mark.parametrize("level", [0, 1, 4])
def test_encoding_walks_up_through_every_level_from_the_clean_one(level: int) -> None:
    ours = encode(DIFFUSION, LINEAR, X, level=level)
    np.testing.assert_allclose(ours.numpy(), encoded(level), rtol=0, atol=1e-11)


@pytest.mark.parametrize("level", [0, 1, 4, TOP])
def test_decoding_walks_down_through_every_level_to_the_clean_one(level: int) -> None:
    ours = decode(DIFFUSION, LINEAR, X, level=level)
    np.testing.assert_allclose(ours.numpy(), decoded(X.numpy(), level), rtol=1e-9, atol=1e-9)


def test_the_clean_level_is_left_as_it_is() -> None:
    assert CLEAN == -1
    assert torch.equal(encode(DIFFUSION, LINEAR, X, level=CLEAN), X)
    assert torch.equal(decode(DIFFUSION, LINEAR, X, level=CLEAN), X)
    assert torch.equal(edit(DIFFUSION, LINEAR, X, level=CLEAN), X)
    assert list(decoding(DIFFUSION, LINEAR, X, level=CLEAN)) == []


def test_the_noisiest_level_is_the_default() -> None:
    torch.testing.assert_close(encode(DIFFUSION, LINEAR, X), encode(DIFFUSION, LINEAR, X, level=TOP), rtol=0, atol=0)
    torch.testing.assert_close(decode(DIFFUSION, LINEAR, X), decode(DIFFUSION, LINEAR, X, level=TOP), rtol=0, atol=0)


def test_encoding_further_continues_from_the_level_before() -> None:
    """A code one level up is the code before, carried up by its own eps."""
    for level in range(TOP):
        below = encode(DIFFUSION, LINEAR, X, level=level).numpy()
        above = encode(DIFFUSION, LINEAR, X, level=level + 1).numpy()
        np.testing.assert_allclose(above, move(below, ABAR[level], ABAR[level + 1]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("level", [-2, TOP + 1])
def test_a_level_outside_of_the_chain_is_refused(level: int) -> None:
    message = rf"level: a number from -1 \(clean\) to {TOP} wanted, got {level}"
    for call in (encode, decode, edit):
        with pytest.raises(SettingsError, match=message):
            call(DIFFUSION, LINEAR, X, level=level)


@pytest.mark.parametrize("level", [0, 3, TOP])
def test_decoding_yields_one_state_per_level_and_ends_at_the_decoded_data(level: int) -> None:
    states = [state.sample for state in decoding(DIFFUSION, LINEAR, X, level=level)]
    assert len(states) == level + 1
    torch.testing.assert_close(states[-1], decode(DIFFUSION, LINEAR, X, level=level), rtol=0, atol=0)


def test_nothing_is_clipped_on_the_way() -> None:
    far = 5.0 * X
    code = encode(DIFFUSION, bound(lambda x, time: torch.zeros_like(x)), far)
    torch.testing.assert_close(code, math.sqrt(ABAR[-1]) * far, rtol=1e-10, atol=0)
    back = decode(DIFFUSION, bound(lambda x, time: torch.zeros_like(x)), code)
    torch.testing.assert_close(back, far, rtol=1e-10, atol=0)


def test_encoding_undoes_decoding_exactly_where_eps_does_not_depend_on_x() -> None:
    def of_time(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, 0.3)

    torch.testing.assert_close(
        decode(DIFFUSION, bound(of_time), encode(DIFFUSION, bound(of_time), X)), X, rtol=0, atol=1e-9
    )


def test_conditioning_reaches_every_step_up_and_down() -> None:
    labels = {"y": torch.tensor([2, -3])}
    for i, label in enumerate((2, -3)):
        alone = {"y": torch.tensor([label])}
        one = slice(i, i + 1)
        for call in (encode, decode):
            together = call(DIFFUSION, bound(linear, labels), X, level=3)[one]
            torch.testing.assert_close(together, call(DIFFUSION, bound(linear, alone), X[one], level=3))
    down = decode(DIFFUSION, bound(linear, {"y": torch.tensor([2])}), X[:1], level=3)
    np.testing.assert_allclose(down.numpy(), decoded(X[:1].numpy(), 3, 0.2), rtol=0, atol=1e-10)


def test_whichever_sampler_is_given_goes_down() -> None:
    sampler = SamplerDDPM(DIFFUSION, clip_denoised=False)
    ours = decode(DIFFUSION, LINEAR, X, level=3, sampler=sampler)
    assert torch.equal(ours, sampler.draw(LINEAR, X, start=3))
    assert not torch.equal(ours, decode(DIFFUSION, LINEAR, X, level=3))
    assert torch.equal(edit(DIFFUSION, LINEAR, X, level=CLEAN, sampler=sampler), X)


def test_an_edit_decodes_the_code_under_the_other_conditioning() -> None:
    edited = edit(
        DIFFUSION,
        bound(linear, {"y": torch.ones(2)}),
        X,
        level=3,
        edited=bound(linear, {"y": torch.full((2,), 4.0)}),
    )
    np.testing.assert_allclose(edited.numpy(), decoded(encoded(3), 3, 0.4), rtol=0, atol=1e-10)


def test_progress_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for call in (encode, decode):
        quiet = call(DIFFUSION, LINEAR, X, level=4)
        assert capsys.readouterr() == ("", "")
        loud = call(DIFFUSION, LINEAR, X, level=4, listener=TERMINAL)
        seen = capsys.readouterr()
        assert seen.out == ""
        assert "5/5" in seen.err
        assert torch.equal(loud, quiet)


def test_codes_carry_no_gradient() -> None:
    weight = torch.ones((), requires_grad=True)
    for call in (encode, decode):
        assert not call(DIFFUSION, bound(lambda x, time: weight * linear(x, time)), X, level=2).requires_grad


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 5), (2, 3, 4, 4), (1, 1, 3, 2, 2)])
def test_points_and_one_to_three_spatial_axes_are_encoded_and_decoded(shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape)
    constant = bound(lambda x, time: torch.full_like(x, 0.1))
    code = encode(DIFFUSION, constant, x)
    assert code.shape == shape
    torch.testing.assert_close(decode(DIFFUSION, constant, code), x, rtol=0, atol=1e-3)


def noise_to_signal(diffusion: GaussianDiffusion) -> np.ndarray:
    abar = diffusion.schedule.alphas_cumprod
    return np.sqrt((1.0 - abar) / abar)


def test_inversion_turns_around_where_noise_is_twenty_times_the_signal() -> None:
    whole = GaussianDiffusion(cosine_schedule(1000))
    process = inversion_process(whole, 100)
    assert process.num_timesteps == 100
    assert process.schedule.timesteps[0] == 0
    assert noise_to_signal(process)[-1] <= 20.0
    above = int(process.schedule.timesteps[-1]) + 1
    assert noise_to_signal(whole)[above] > 20.0
    gaps = np.diff(process.schedule.timesteps)
    assert gaps.max() - gaps.min() <= 1


def test_by_default_it_takes_a_hundred_steps_or_as_many_as_there_are() -> None:
    assert inversion_process(GaussianDiffusion(cosine_schedule(1000))).num_timesteps == 100
    short = GaussianDiffusion(cosine_schedule(10))
    assert inversion_process(short).num_timesteps == int((noise_to_signal(short) <= 20.0).sum())
    assert inversion_process(short, max_noise_to_signal=1e9).num_timesteps == 10


def test_more_steps_than_there_are_and_a_turn_below_every_step_are_refused() -> None:
    with pytest.raises(SettingsError, match="steps: a number from 1 to"):
        inversion_process(GaussianDiffusion(cosine_schedule(10)), 11)
    with pytest.raises(SettingsError, match=r"max_noise_to_signal: at least .* wanted, got 0\.001"):
        inversion_process(GaussianDiffusion(cosine_schedule(10)), max_noise_to_signal=0.001)


def test_an_error_of_eps_comes_back_at_most_twenty_times_as_large() -> None:
    """A network whose eps is off by a constant at the noisiest step alone."""

    def off_at(last: int) -> Network:
        def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
            return torch.full_like(x, 0.3) + 0.01 * (time == last).to(x.dtype).view(-1, 1, 1, 1)

        return network

    for process, largest in ((inversion_process(DIFFUSION), 20.0), (DIFFUSION, math.inf)):
        last = int(process.schedule.timesteps[-1])
        clean = torch.zeros(1, 1, 2, 2, dtype=torch.float64)
        code = encode(process, bound(off_at(-1), diffusion=process), clean)
        error = float(decode(process, bound(off_at(last), diffusion=process), code).abs().max())
        assert error <= 0.01 * largest
        if largest == math.inf:
            assert error > 0.01 * 20.0
