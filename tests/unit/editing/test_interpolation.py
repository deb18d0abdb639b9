"""Spherical interpolation and paths between encoded images."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.editing import INVERSIONS, BDIAInversion, RexSDEInversion, decode, encode, interpolate, slerp
from idm.samplers import SamplerMultistep
from idm.schedules import cosine_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(8))
A, B = (torch.as_tensor(np.random.default_rng(seed).uniform(-1, 1, (1, 2, 3, 3))) for seed in (0, 1))


def bent(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    shift = conditioning["y"].to(x.dtype).view(-1, 1, 1, 1) if conditioning else 0.0
    return 0.3 * torch.sin(x + shift)


def bound(*labels: float) -> Denoiser:
    return DIFFUSION.denoiser(bent, conditioning={"y": torch.tensor(labels)} if labels else None, clip=False)


BENT = bound()


def between(start: Tensor, end: Tensor, weight: float) -> Tensor:
    return slerp(start, end, torch.full((len(start),), weight, dtype=start.dtype))


@given(angle=st.floats(0.01, 3.1), weight=st.floats(0.0, 1.0))
def test_on_the_unit_circle_the_angle_grows_in_proportion_to_the_weight(angle: float, weight: float) -> None:
    start = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    end = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    expected = [[math.cos(weight * angle), math.sin(weight * angle)]]
    np.testing.assert_allclose(between(start, end, weight).numpy(), expected, rtol=0, atol=1e-9)


@given(weight=st.floats(0.0, 1.0))
def test_the_angle_is_between_whole_images_and_the_length_of_orthogonal_ones_stays(weight: float) -> None:
    start, end = torch.zeros(1, 2, 2, 2, dtype=torch.float64), torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    start[0, 0], end[0, 1] = 3.0, -3.0
    middle = between(start, end, weight)
    assert float(middle.norm()) == pytest.approx(6.0, rel=1e-12)
    np.testing.assert_allclose(middle[0, 0].numpy(), 3.0 * math.cos(weight * math.pi / 2), atol=1e-12)
    np.testing.assert_allclose(middle[0, 1].numpy(), -3.0 * math.sin(weight * math.pi / 2), atol=1e-12)


def test_the_ends_are_returned_at_weights_0_and_1() -> None:
    torch.testing.assert_close(between(A, B, 0.0), A, rtol=0, atol=0)
    torch.testing.assert_close(between(A, B, 1.0), B, rtol=0, atol=0)


@given(weight=st.floats(0.0, 1.0))
def test_walking_from_the_other_end_is_the_same_path(weight: float) -> None:
    torch.testing.assert_close(between(A, B, weight), between(B, A, 1.0 - weight), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_between_equal_vectors_nothing_moves(weight: float, dtype: torch.dtype) -> None:
    torch.testing.assert_close(between(A.to(dtype), A.to(dtype), weight), A.to(dtype), rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_between_opposite_vectors_the_path_is_finite_and_has_both_ends(dtype: torch.dtype) -> None:
    start = A.to(dtype)
    for weight in (0.0, 0.25, 0.5, 1.0):
        middle = between(start, -start, weight)
        assert bool(torch.isfinite(middle).all())
        assert float(middle.norm()) <= float(start.norm()) * (1.0 + 1e-5)
    torch.testing.assert_close(between(start, -start, 0.0), start)
    torch.testing.assert_close(between(start, -start, 1.0), -start)


def test_a_vector_of_zeros_has_finite_paths() -> None:
    for weight in (0.0, 0.5, 1.0):
        assert bool(torch.isfinite(between(A, torch.zeros_like(A), weight)).all())


def test_every_sample_has_its_own_weight_and_angle() -> None:
    start, end, weight = torch.cat([A, B, A]), torch.cat([B, -2.0 * A, A]), torch.tensor([0.2, 0.9, 0.4]).double()
    together = slerp(start, end, weight)
    for i in range(3):
        one = slice(i, i + 1)
        torch.testing.assert_close(together[one], slerp(start[one], end[one], weight[one]), rtol=0, atol=1e-12)


def test_a_path_begins_and_ends_at_the_decoded_codes_of_its_ends() -> None:
    path = interpolate(DIFFUSION, BENT, A, B, [0.0, 0.5, 1.0])
    assert path.shape == (3, 2, 3, 3)
    for place, image in ((0, A), (2, B)):
        round_trip = decode(DIFFUSION, BENT, encode(DIFFUSION, BENT, image))
        torch.testing.assert_close(path[place : place + 1], round_trip, rtol=0, atol=1e-10)


def test_an_image_on_the_path_is_the_decoded_code_between_the_ends() -> None:
    codes = [encode(DIFFUSION, BENT, image).flatten() for image in (A, B)]
    a, b = (code.numpy() for code in codes)
    angle = math.acos(a @ b / math.sqrt((a @ a) * (b @ b)))
    code = (math.sin(0.7 * angle) * a + math.sin(0.3 * angle) * b) / math.sin(angle)
    expected = decode(DIFFUSION, BENT, torch.as_tensor(code).view(1, 2, 3, 3))
    torch.testing.assert_close(interpolate(DIFFUSION, BENT, A, B, [0.3]), expected, rtol=0, atol=1e-10)


def test_an_image_on_the_path_does_not_depend_on_the_others() -> None:
    path = interpolate(DIFFUSION, BENT, A, B, [0.1, 0.6, 0.9])
    torch.testing.assert_close(path[1:2], interpolate(DIFFUSION, BENT, A, B, [0.6]), rtol=0, atol=1e-12)


def test_a_way_that_does_not_follow_the_flow_has_no_paths() -> None:
    with pytest.raises(SettingsError, match=r"^method: one that follows the flow wanted .* got RexSDEInversion, "):
        interpolate(DIFFUSION, BENT, A, B, [0.0, 0.5, 1.0], inversion=RexSDEInversion(DIFFUSION))
    assert [name for name in INVERSIONS if not INVERSIONS[name](DIFFUSION).follows_flow] == ["rex_sde"]


def test_ends_and_path_have_their_own_conditioning() -> None:
    path = interpolate(
        DIFFUSION,
        bound(0.5, -1.0),
        A,
        B,
        [0.0, 1.0],
        path=bound(2.0, 0.0),
    )
    for place, image, end_label, path_label in ((0, A, 0.5, 2.0), (1, B, -1.0, 0.0)):
        code = encode(DIFFUSION, bound(end_label), image)
        expected = decode(DIFFUSION, bound(path_label), code)
        torch.testing.assert_close(path[place : place + 1], expected, rtol=0, atol=1e-10)


def test_each_end_is_given_the_noise_of_its_own_seed_and_comes_back_from_any() -> None:
    way = BDIAInversion(DIFFUSION).with_noise()
    paths = {seed: interpolate(DIFFUSION, BENT, A, B, [0.0, 0.5, 1.0], inversion=way, seed=seed) for seed in (0, 7)}
    for path in paths.values():
        torch.testing.assert_close(path[[0, 2]], torch.cat([A, B]), rtol=0, atol=1e-9)
    assert float((paths[0][1] - paths[7][1]).abs().max()) > 1e-3
    codes = [way.encode(BENT, (image,), seed=seed)[0] for image, seed in ((A, 7), (B, 8))]
    middle = SamplerMultistep(DIFFUSION, clip_denoised=False).draw(BENT, between(codes[0], codes[1], 0.5))
    torch.testing.assert_close(paths[7][1:2], middle, rtol=0, atol=1e-10)
