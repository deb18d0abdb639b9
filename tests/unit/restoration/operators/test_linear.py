"""What every linear operator promises: its adjoint is its transpose, its inverses are those of the matrix it is."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.restoration import (
    OPERATORS,
    Blur,
    Channels,
    Custom,
    Downsample,
    Fourier,
    LinearOperator,
    Mask,
    Matrix,
    Operator,
)


def every_other(*shape: int) -> Tensor:
    return torch.arange(math.prod(shape)).view(shape) % 3 != 1


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(math.prod(shape)), dtype=torch.float64)


MADE: dict[str, Callable[[], LinearOperator]] = {
    "mask of points": lambda: Mask((5,), every_other(5)),
    "mask 1-D": lambda: Mask((2, 7), every_other(2, 7)),
    "mask of all channels": lambda: Mask((3, 4, 4), every_other(1, 4, 4)),
    "mask 3-D": lambda: Mask((1, 2, 3, 4), every_other(1, 2, 3, 4)),
    "channels of points": lambda: Channels((4,), [2, 0]),
    "channels 1-D": lambda: Channels((12, 6), [1, 5, 3]),
    "channels 3-D": lambda: Channels((3, 2, 2, 2), [2]),
    "downsample 1-D": lambda: Downsample((2, 12), [3]),
    "downsample 2-D": lambda: Downsample((3, 4, 6), [2, 3]),
    "downsample 3-D": lambda: Downsample((1, 4, 6, 2), [2, 3, 1]),
    "blur 1-D": lambda: Blur((2, 9), [1.3]),
    "blur 2-D": lambda: Blur((1, 5, 6), [0.7, 0.4]),
    "blur 3-D": lambda: Blur((1, 3, 4, 5), [0.6, 0.0, 0.5]),
    "blur that leaves the mean alone": lambda: Blur((1, 8), [40.0]),
    "fourier 1-D": lambda: Fourier.lines((2, 9), every=3, centre=3),
    "fourier 2-D": lambda: Fourier((4, 4, 5), every_other(4, 5)),
    "fourier 3-D": lambda: Fourier.lines((2, 4, 3, 2), every=2),
    "matrix of points": lambda: Matrix((4,), random(3, 4)),
    "matrix without full rank": lambda: Matrix((2, 3), torch.cat([random(3, 6), random(3, 6)[:2]])),
    "matrix of volumes": lambda: Matrix((1, 2, 2, 2), random(5, 8)),
}
each = pytest.mark.parametrize("operator", [make() for make in MADE.values()], ids=list(MADE))


def test_there_is_one_of_every_name() -> None:
    assert {OPERATORS[name] for name in OPERATORS} == {type(make()) for make in MADE.values()}


@each
def test_the_adjoint_is_the_transpose(operator: LinearOperator) -> None:
    x = random(3, *operator.shape)
    seen = operator.apply(x)
    o = random(*seen.shape)
    assert operator.dense().shape == (o[0].numel(), math.prod(operator.shape))
    left, right = ((one * other).flatten(1).sum(1) for one, other in ((seen, o), (x, operator.adjoint(o))))
    torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(operator.adjoint(o).flatten(1), o.flatten(1) @ operator.dense(), rtol=0, atol=1e-12)


@each
def test_it_solves_as_the_matrix_does(operator: LinearOperator) -> None:
    matrix, o = operator.dense(), operator.apply(random(2, *operator.shape))
    gram, unit = matrix @ matrix.T, torch.eye(len(matrix), dtype=torch.float64)
    for variance, noise in ((0.7, 0.3), (2.0, 1e-4)):
        expected = torch.linalg.solve(variance * gram + noise * unit, o.flatten(1).T).T
        torch.testing.assert_close(operator.solve(o, variance, noise).flatten(1), expected, rtol=1e-10, atol=1e-9)
    of_each = torch.tensor([0.7, 2.0], dtype=torch.float64).view(-1, *(1,) * (o.ndim - 1))
    both = operator.solve(o, of_each, 0.3)
    torch.testing.assert_close(both[1:], operator.solve(o[1:], 2.0, 0.3), rtol=1e-12, atol=1e-12)


@each
def test_its_pseudo_inverse_is_that_of_the_matrix(operator: LinearOperator) -> None:
    o = operator.apply(random(2, *operator.shape))
    expected = o.flatten(1) @ torch.linalg.pinv(operator.dense(), rtol=1e-7).T
    ours = operator.pseudo_inverse(o)
    torch.testing.assert_close(ours.flatten(1), expected, rtol=0, atol=1e-8)
    torch.testing.assert_close(operator.apply(ours), o, rtol=0, atol=1e-8)


@each
def test_where_the_noise_of_a_sample_is_none_what_it_cannot_reach_is_left_out(operator: LinearOperator) -> None:
    o = operator.apply(random(2, *operator.shape))
    expected = o.flatten(1) @ torch.linalg.pinv(operator.dense(), rtol=1e-7).T
    noise = torch.tensor([0.0, 0.3], dtype=torch.float64).view(-1, *(1,) * (o.ndim - 1))
    ours = operator.solve(o, 1.0, noise)
    torch.testing.assert_close(operator.adjoint(ours)[:1].flatten(1), expected[:1], rtol=0, atol=1e-8)
    torch.testing.assert_close(ours[1:], operator.solve(o[1:], 1.0, 0.3), rtol=1e-12, atol=1e-12)


@each
def test_rotation_makes_it_diagonal_and_is_orthonormal(operator: LinearOperator) -> None:
    o = operator.apply(random(2, *operator.shape))
    o = random(*o.shape)
    turned = operator.rotate(o)
    torch.testing.assert_close(turned.square().sum(), o.square().sum(), rtol=1e-12, atol=0)
    torch.testing.assert_close(operator.rotate_back(turned), o, rtol=0, atol=1e-12)
    expected = operator.rotate(operator.apply(operator.adjoint(o)))
    torch.testing.assert_close(turned * operator.eigenvalues(o), expected, rtol=0, atol=1e-11)


@each
def test_it_keeps_the_dtype_and_refuses_other_shapes(operator: LinearOperator) -> None:
    x = random(2, *operator.shape).float()
    seen = operator.apply(x)
    assert seen.dtype == operator.pseudo_inverse(seen).dtype == torch.float32
    with pytest.raises(SettingsError, match=r"operator: data of shape .* wanted"):
        operator.apply(torch.zeros(2, *operator.shape[:-1], operator.shape[-1] + 1))


@each
def test_gradients_flow_through_it(operator: LinearOperator) -> None:
    x = random(1, *operator.shape).requires_grad_()
    seen = operator.apply(x)
    o = random(*seen.shape)
    (gradient,) = torch.autograd.grad(seen, x, o)
    torch.testing.assert_close(gradient, operator.adjoint(o), rtol=0, atol=1e-12)


# What each of them is


def test_a_mask_lists_the_values_that_are_seen() -> None:
    x = torch.arange(8.0).view(1, 2, 4)
    mask = Mask((2, 4), torch.tensor([[True, False, False, True]]))
    assert mask.apply(x).tolist() == [[0, 3, 4, 7]]
    assert torch.equal(mask.adjoint(torch.ones(1, 4))[0].bool(), mask.seen)


def test_downsampling_takes_means_of_blocks() -> None:
    x = torch.tensor([[[1.0, 3.0, 5.0, 9.0], [2.0, 2.0, 6.0, 0.0]]])[None]
    assert Downsample((1, 2, 4), [2]).apply(x).tolist() == [[[[2.0, 5.0]]]]
    assert Downsample((1, 2, 4), [1, 2]).apply(x).tolist() == [[[[2.0, 7.0], [2.0, 3.0]]]]


def test_blur_has_gaussian_weights_around_the_circle() -> None:
    point = torch.zeros(1, 1, 9, dtype=torch.float64)
    point[0, 0, 0] = 1.0
    ratio = Blur((1, 9), [0.8]).apply(point)[0, 0]
    assert float(ratio.sum()) == pytest.approx(1.0, abs=1e-14)
    for step in (1, 2, 3):
        assert float(ratio[step] / ratio[0]) == pytest.approx(math.exp(-(step**2) / (2 * 0.8**2)), rel=1e-5)
        assert float(ratio[-step]) == pytest.approx(float(ratio[step]), rel=1e-10)


def test_blur_of_no_width_changes_nothing() -> None:
    x = random(2, 1, 5, 4)
    torch.testing.assert_close(Blur((1, 5, 4), [0.0]).apply(x), x, rtol=0, atol=1e-14)


def test_frequencies_of_a_wave_are_where_k_space_has_them() -> None:
    """A wave of frequency 2 about the middle of 8 points is a peak of sqrt(8) two places right of the middle."""
    turns = 2 * math.pi * 2 * (torch.arange(8, dtype=torch.float64) - 4) / 8
    wave = torch.stack([turns.cos(), turns.sin()])[None]
    seen = Fourier((2, 8), torch.ones(8, dtype=torch.bool)).apply(wave)
    expected = torch.zeros(1, 2, 8, dtype=torch.float64)
    expected[0, 0, 6] = math.sqrt(8)
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-12)


def test_lines_are_every_so_many_and_the_middle() -> None:
    assert Fourier.lines((2, 8, 3), every=4, centre=2).sampled[:, 0].nonzero()[:, 0].tolist() == [0, 3, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mask((1, 4), torch.ones(1, 3, dtype=torch.bool)), r"mask: truth values of shape \(1, 4\)"),
        (lambda: Mask((1, 4), torch.ones(1, 4)), "mask: truth values .* of float32"),
        (lambda: Mask((1, 4), torch.zeros(1, 4, dtype=torch.bool)), "mask: some values that are seen wanted"),
        (lambda: Channels((3, 4), [3]), r"channels: distinct numbers from 0 to 2 wanted, got \[3\]"),
        (lambda: Channels((3, 4), [1, 1]), "channels: distinct numbers"),
        (lambda: Channels((3, 4), []), "channels: distinct numbers"),
        (lambda: Downsample((1, 6), [4]), r"factors: divisors of the sizes \(6,\) wanted"),
        (lambda: Downsample((1, 6), [2, 2]), "factors: one number, or 1 of them, wanted"),
        (lambda: Downsample((6,), [2]), "operator: data with spatial axes wanted"),
        (lambda: Blur((1, 6), [-1.0]), "sigmas: finite numbers of at least 0 wanted"),
        (lambda: Fourier((3, 6), torch.ones(6, dtype=torch.bool)), "fourier: data with an even number of channels"),
        (lambda: Fourier((2, 6), torch.ones(5, dtype=torch.bool)), r"sampled: truth values of shape \(6,\) wanted"),
        (lambda: Fourier.lines((2, 6), every=0), "fourier: every of at least 1"),
        (lambda: Matrix((2, 2), torch.ones(3, 5)), r"matrix: finite weights \[m, 4\] wanted"),
        (lambda: Matrix((2,), torch.tensor([[1.0, math.nan]])), "matrix: finite weights"),
        (lambda: Mask((), torch.ones(1, dtype=torch.bool)), "shape: channels and any spatial sizes wanted"),
    ],
)
def test_what_is_no_operator_is_refused(make: Callable[[], LinearOperator], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


@pytest.mark.parametrize(
    ("operator", "told"),
    [
        (Mask((1, 4), torch.tensor([[True, False, True, True]])), "Mask(3 of 4 values seen, samples of 1 x 4)"),
        (Channels((3, 4), [2, 0]), "Channels(2, 0 of 3 channels, samples of 3 x 4)"),
        (Downsample((1, 4, 6), [2, 3]), "Downsample(means of 2 x 3, samples of 1 x 4 x 6)"),
        (Blur((1, 4, 4), [1.5]), "Blur(standard deviation 1.5 x 1.5 pixels, samples of 1 x 4 x 4)"),
        (Fourier.lines((2, 8), every=4), "Fourier(2 of 8 frequencies, samples of 2 x 8)"),
        (Matrix((1, 4), torch.ones(2, 4)), "Matrix(2 sums of 4 values, samples of 1 x 4)"),
        (Custom(torch.square), "Custom(square)"),
    ],
)
def test_an_operator_says_in_a_line_what_it_does(operator: Operator, told: str) -> None:
    assert repr(operator) == told
