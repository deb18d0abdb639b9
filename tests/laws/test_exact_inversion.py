"""Exact inversion beside closed forms: orders, codes, images of 17 and of 256 grey levels, and paths between them.

Along the flow of Gaussian data (y - m) / sqrt(s^2 + kappa^2) is constant, with y = x / alpha; in one dimension the flow
keeps every quantile.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor

from idm.core.rng import Rng
from idm.data import Codec
from idm.diffusion import Denoised, GaussianDiffusion
from idm.diffusion.names import ModelMeanType
from idm.editing import (
    BDIAInversion,
    Inversion,
    RexInversion,
    RexSDEInversion,
    interpolate,
    inversion_process,
    slerp,
)
from idm.oracles import GaussianDenoiser, MixtureDenoiser
from idm.schedules import Flow, Level, PathGrid, cosine_schedule

MEAN, VARIANCE = torch.tensor([0.2, -0.5]).double(), torch.tensor([0.3, 0.1]).double()
X = torch.linspace(-0.9, 0.9, 12, dtype=torch.float64).view(6, 2)
COUNTS = (20, 40, 80, 160)
Make = Callable[[GaussianDiffusion], Inversion]


def rex(process: GaussianDiffusion) -> RexInversion:
    return RexInversion(process, asked_in=torch.float64)


def straight(count: int, lowest: float) -> GaussianDiffusion:
    """Levels on the straight path, evenly in the log SNR from kappa = 20 down to ``lowest``."""
    kappa = np.geomspace(lowest, 20.0, count)
    return GaussianDiffusion(
        PathGrid(Flow(), kappa / (1.0 + kappa)), model_mean_type=ModelMeanType.VELOCITY, rescale_timesteps=True
    )


def flow(x: Tensor, here: tuple[float, float], there: tuple[float, float]) -> Tensor:
    """The exact flow of the Gaussian from one (alpha, sigma) to another."""
    grown = [VARIANCE + (sigma / alpha) ** 2 for alpha, sigma in (here, there)]
    return there[0] * (MEAN + (x / here[0] - MEAN) * (grown[1] / grown[0]).sqrt())


def ends(process: GaussianDiffusion) -> list[tuple[float, float]]:
    found = process.grid.levels
    return [(float(found.alpha[i]), float(found.sigma[i])) for i in (0, -1)]


def slope(errors: list[float]) -> float:
    return math.log2(errors[-2] / errors[-1])


@pytest.mark.parametrize("make", [BDIAInversion, rex])
def test_down_the_flow_the_order_is_two(make: Make) -> None:
    """From an exact start to the least noisy level, whose x_0 is then exact, too."""
    errors = []
    for count in COUNTS:
        process = straight(count, 0.05)
        denoise = GaussianDenoiser(process, MEAN, VARIANCE).denoiser()
        (low, high), noise = ends(process), 20.0 * X / 21.0
        at_low = flow(noise, high, low)
        wanted = denoise(at_low, process.grid.level(0, at_low)).x_start
        errors.append(float((make(process).decode(denoise, (noise,))[0] - wanted).abs().max()))
    assert slope(errors) == pytest.approx(2.0, abs=0.15), errors


@pytest.mark.parametrize("make", [BDIAInversion, rex])
def test_up_the_flow_the_order_is_two(make: Make) -> None:
    errors = []
    for count in COUNTS:
        process = straight(count, 0.05)
        denoise = GaussianDenoiser(process, MEAN, VARIANCE).denoiser()
        low, high = ends(process)
        way, rng = make(process), Rng.from_seed(0, len(X))
        states = way.opened((X,))
        for place in range(count - 1):
            states = way.up(denoise, states, place, rng)
        errors.append(float((states[0] - flow(X, low, high)).abs().max()))
    assert slope(errors) == pytest.approx(2.0, abs=0.15), errors


WEIGHTS, MEANS, SPREADS = (np.array(each) for each in ([0.5, 0.3, 0.2], [0.6, -0.5, -0.1], [0.2, 0.15, 0.3]))


def quantile(y: float, kappa: float) -> float:
    """Share of a one-dimensional mixture below y where its components are wider by noise of deviation kappa."""
    return float(WEIGHTS @ ndtr((y - MEANS) / np.sqrt(SPREADS**2 + kappa**2)))


def at_quantile(share: float, kappa: float) -> float:
    """The y that this share of it lies below, by bisection."""
    low, high = -200.0, 200.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if quantile(middle, kappa) < share else (low, middle)
    return low


@pytest.mark.parametrize("make", [BDIAInversion, rex])
def test_codes_of_a_mixture_approach_those_of_the_same_quantile_at_second_order(make: Make) -> None:
    x = np.array([-0.8, -0.45, 0.1, 0.55, 0.9])
    errors = []
    for count in COUNTS:
        process = straight(count, 1e-4)
        tensors = (torch.from_numpy(values) for values in (WEIGHTS, MEANS[:, None], SPREADS**2))
        denoise = MixtureDenoiser(process, *tensors).denoiser()
        code = make(process).encode(denoise, (torch.from_numpy(x)[:, None],))[0]
        wanted = np.array([at_quantile(quantile(value, 0.0), 20.0) for value in x])
        errors.append(float(np.abs(code[:, 0].numpy() * 21.0 - wanted).max() / 20.0))
    assert slope(errors) == pytest.approx(2.0, abs=0.15), errors


def test_a_path_between_gaussian_images_is_the_flow_of_the_arc_between_their_codes() -> None:
    """In the limit of steps: two powers of their length are taken out of 100, 200 and 400 of them (Richardson)."""
    weights = [0.0, 0.3, 0.5, 1.0]
    ways = []
    for count in (100, 200, 400):
        process = straight(count, 1e-4)
        denoise = GaussianDenoiser(process, MEAN, VARIANCE).denoiser()
        ways.append(interpolate(process, denoise, X[:1], X[4:5], weights, inversion=BDIAInversion(process)))
        torch.testing.assert_close(ways[-1][[0, 3]], X[[0, 4]], rtol=0, atol=1e-12)
    _, high = ends(process)
    a, b = (flow(X[i : i + 1], (1.0, 0.0), high) for i in (0, 4))
    codes = slerp(a.expand(4, 2), b.expand(4, 2), torch.tensor(weights).double())
    coarse, fine = ((4.0 * next_one - one) / 3.0 for one, next_one in itertools.pairwise(ways))
    torch.testing.assert_close((8.0 * fine - coarse) / 7.0, flow(codes, high, (1.0, 0.0)), rtol=0, atol=1e-6)


def test_samples_of_the_stochastic_solver_have_mean_and_variance_of_the_data() -> None:
    process, count = straight(60, 0.02), 20_000
    way = RexSDEInversion(process, asked_in=torch.float64)
    noise = way.diffusion.grid.path.start(
        process.grid.level(59, X), torch.from_numpy(np.random.default_rng(0).standard_normal((count, 2)))
    )
    x = way.decode(GaussianDenoiser(process, MEAN, VARIANCE).denoiser(), (noise,))[0]
    error = (VARIANCE / count).sqrt()
    assert bool(((x.mean(0) - MEAN).abs() < 4 * error).all())
    np.testing.assert_allclose((x.var(0) / VARIANCE).numpy(), 1.0, atol=4 * math.sqrt(2 / count) + 0.01)
    alone = way.decode(GaussianDenoiser(process, MEAN, VARIANCE).denoiser(), (0 * noise,))[0]
    assert bool((alone.var(0) > 0.9 * VARIANCE).all())  # its randomness is that of the seeds


@dataclass(frozen=True)
class OfCovariance:
    """The exact denoiser of Gaussian data with the mean and covariance of some images; float32, as a network is."""

    mean: Tensor
    axes: Tensor
    variances: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "OfCovariance":
        flat = x.flatten(1).double()
        variances, axes = torch.linalg.eigh(torch.cov(flat.T))
        return cls(flat.mean(0).float(), axes.float(), variances.clamp(min=0.0).float())

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        share = self.variances / (self.variances * at.alpha**2 + at.sigma**2)
        centred = (x.flatten(1) - at.alpha * self.mean) @ self.axes
        x_start = (self.mean + (at.alpha * share * centred) @ self.axes.T).view(x.shape)
        return Denoised(x_start, x_start)

    def select(self, rows: Tensor, /) -> "OfCovariance":
        return self


def patches() -> np.ndarray:
    """600 patches of 8 x 8 pixels of two photographs, uint8, 256 levels."""
    rng, photographs = np.random.default_rng(0), load_sample_images().images
    rows, columns = rng.integers(0, 427 - 8, 600), rng.integers(0, 640 - 8, 600)
    found = [photographs[i % 2][r : r + 8, c : c + 8] for i, (r, c) in enumerate(zip(rows, columns, strict=True))]
    return np.moveaxis(np.stack(found), -1, 1)


def digits() -> np.ndarray:
    return load_digits(return_X_y=True)[0][:400].reshape(-1, 1, 8, 8).astype(np.uint8)


@pytest.mark.parametrize("make", [BDIAInversion, RexInversion])
@pytest.mark.parametrize(("images", "levels"), [(patches, 256), (digits, 17)])
def test_all_values_of_a_thousand_images_come_back_in_float32(
    images: Callable[[], np.ndarray], levels: int, make: Make
) -> None:
    data, codec = images(), Codec.quantized("uint8", levels)
    x = codec.encode(data)
    whole = GaussianDiffusion(cosine_schedule(1000).with_noise_floor(1.0 / (levels - 1)))
    way, denoise = make(inversion_process(whole, 25, spacing="log_snr")).with_noise(), OfCovariance.of(x)
    states = way.encode(denoise, (x,))
    back = way.decode(denoise, states)[0].float()
    np.testing.assert_array_equal(codec.decode(back), data)
    assert float((back - x).abs().max()) <= 1e-3 * 2.0
    if levels == 256 or make is BDIAInversion:  # a digit's border is constant: rex gives it no noise
        assert 0.85 < float(states[0].var()) < 1.15


@pytest.mark.parametrize("spacing", ["log_snr", "linspace"])
def test_codes_of_constant_data_are_the_noise_that_they_were_given(spacing: str) -> None:
    """Data that are always c flow from c + kappa eps at one level to the same eps at all others."""
    process = inversion_process(GaussianDiffusion(cosine_schedule(1000).with_noise_floor(0.06)), 10, spacing=spacing)
    denoise, x = GaussianDenoiser(process, MEAN, 0.0 * VARIANCE).denoiser(), MEAN.expand(500, 2)
    states = BDIAInversion(process).with_noise().encode(denoise, (x,), seed=3)
    _, (alpha, sigma) = ends(process)
    eps = (states[0] - alpha * MEAN) / sigma
    torch.testing.assert_close(eps, Rng.from_seed(3, 500).normal("data", 0, (2,), torch.float64), rtol=0, atol=1e-9)
    assert float(eps.var()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 1000))
    torch.testing.assert_close(BDIAInversion(process).decode(denoise, states)[0], x, rtol=0, atol=1e-9)


def test_along_a_path_between_images_their_spread_stays() -> None:
    """Of Gaussian images: with each pair goes the one whose second code has the other sign, and both the other way."""
    x = Codec.quantized("uint8", 256).encode(patches())
    whole = GaussianDiffusion(cosine_schedule(1000).with_noise_floor(1 / 255))
    process = inversion_process(whole, 25, spacing="log_snr")
    denoise, noise = OfCovariance.of(x), torch.randn(16, 192, generator=torch.Generator().manual_seed(1))
    a, b = (noise * denoise.variances.sqrt() @ denoise.axes.T).chunk(2)
    pairs = [*zip(a, b, strict=True), *zip(a, -b, strict=True), *zip(b, a, strict=True), *zip(b, -a, strict=True)]
    way, spread = BDIAInversion(process), torch.zeros(5)
    for one, other in pairs:
        start, end = ((denoise.mean + each).view(1, 3, 8, 8) for each in (one, other))
        path = interpolate(process, denoise, start, end, [0.0, 0.25, 0.5, 0.75, 1.0], inversion=way)
        spread += (path.flatten(1) - denoise.mean).square().mean(1)
    np.testing.assert_allclose((spread / spread[0]).sqrt().numpy(), 1.0, atol=0.02)
