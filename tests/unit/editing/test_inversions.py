"""Ways to invert: what each adds step by step, against rules written out; what undoes itself, and what is refused."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.diffusion import Clipped, Denoised, Denoiser, GaussianDiffusion
from idm.editing import (
    CLEAN,
    INVERSIONS,
    NUM_STATES,
    BDIAInversion,
    DDIMInversion,
    FixedPointInversion,
    Inversion,
    OBELMInversion,
    RexInversion,
    RexSDEInversion,
    inversion_process,
    mix,
)
from idm.guidance import ClassifierFreeGuidance
from idm.networks.dropout import Dropout
from idm.oracles import MixtureDenoiser
from idm.schedules import GRIDS, Level, cosine_schedule

WHOLE = GaussianDiffusion(cosine_schedule(40))
X = torch.linspace(-0.9, 0.9, 12, dtype=torch.float64).view(6, 2)
EXACT = {"bdia": BDIAInversion, "o_belm": OBELMInversion, "rex": RexInversion, "rex_sde": RexSDEInversion}


def mixture() -> MixtureDenoiser:
    weights, variances = torch.tensor([0.5, 0.3, 0.2]).double(), torch.tensor([0.05, 0.02, 0.1]).double()
    means = torch.tensor([[0.6, 0.1], [-0.5, 0.5], [-0.1, -0.7]]).double()
    return MixtureDenoiser(WHOLE, weights, means, variances, labels=torch.tensor([0, 0, 1]))


LABELS = {"y": torch.tensor([0, 1, 0, 1, 0, 1])}
EVERY = mixture().denoiser({"y": torch.full((6,), 2)})
CLASS = mixture().denoiser(LABELS)


def made(name: str, steps: int = 10, spacing: str = "log_snr", dtype: torch.dtype = torch.float64) -> Inversion:
    way = INVERSIONS[name](inversion_process(WHOLE, steps, spacing=spacing))
    return replace(way, asked_in=dtype) if isinstance(way, RexInversion | RexSDEInversion) else way


@dataclass
class Counted:
    """0.3 x as x_0, whatever the level; counts how often it is asked."""

    calls: int = 0

    def __call__(self, x: Tensor, at: Level, /) -> Denoised:
        self.calls += 1
        return Denoised(0.3 * x, 0.3 * x)

    def select(self, rows: Tensor, /) -> "Counted":
        return self


@pytest.mark.parametrize("spacing", GRIDS)
@pytest.mark.parametrize("name", EXACT)
def test_what_carries_two_states_gives_the_data_back_on_every_grid(name: str, spacing: str) -> None:
    way = made(name, spacing=spacing)
    states = way.encode(EVERY, (X,))
    assert len(states) == NUM_STATES[name] == 2
    torch.testing.assert_close(way.decode(EVERY, states)[0], X, rtol=0, atol=1e-10)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", INVERSIONS)
def test_few_steps_work_and_no_step_at_all_changes_nothing(name: str, steps: int) -> None:
    way = made(name, steps)
    states = way.encode(EVERY, (X,))
    back = way.decode(EVERY, states)[0]
    assert all(bool(state.isfinite().all()) for state in states)
    if name in EXACT:
        torch.testing.assert_close(back, X, rtol=0, atol=1e-10)
    assert torch.equal(way.encode(EVERY, (X,), level=CLEAN)[0], X)
    assert torch.equal(way.decode(EVERY, (X,), level=CLEAN)[0], X)


@pytest.mark.parametrize("name", EXACT)
def test_one_may_stop_on_the_way_and_go_on(name: str) -> None:
    way = made(name)
    states = way.encode(EVERY, (X,), level=4)
    torch.testing.assert_close(way.decode(EVERY, states, level=4)[0], X, rtol=0, atol=1e-10)


DENOISERS = {
    "of a class": CLASS,
    "guided": ClassifierFreeGuidance(CLASS, EVERY, 3.0),
    "guided where there is little noise": ClassifierFreeGuidance(CLASS, EVERY, 3.0, low=0.0, high=2.0),
    "clipped": Clipped(ClassifierFreeGuidance(CLASS, EVERY, 3.0)),
    "thresholded": Clipped(ClassifierFreeGuidance(CLASS, EVERY, 3.0), threshold=0.9),
}


@pytest.mark.parametrize("denoiser", DENOISERS)
@pytest.mark.parametrize("name", EXACT)
def test_whatever_denoiser_that_answers_alike_each_time_is_undone(name: str, denoiser: str) -> None:
    way, denoise = made(name), DENOISERS[denoiser]
    states = way.encode(denoise, (X,))
    torch.testing.assert_close(way.decode(denoise, states)[0], X, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("name", "calls"), {"ddim": 1, "fixed_point": 4, "bdia": 1, "o_belm": 1}.items())
def test_a_step_asks_as_often_as_it_says(name: str, calls: int) -> None:
    way, denoise = made(name), Counted()
    assert way.calls_per_step == calls
    states = way.encode(denoise, (X,))
    assert denoise.calls == calls * 10
    denoise.calls = 0
    way.decode(denoise, states)
    assert denoise.calls == 10 - (len(states) - 1)  # of a pair the last step is known


def test_a_reversible_step_asks_four_times_and_two_to_and_from_the_data() -> None:
    way, denoise = made("rex"), Counted()
    states = way.encode(denoise, (X,))
    assert (way.calls_per_step, denoise.calls) == (4, 4 * 9 + 2)
    denoise.calls = 0
    way.decode(denoise, states)
    assert denoise.calls == 4 * 9 + 2


def levels(way: Inversion) -> tuple[np.ndarray, np.ndarray]:
    """Alpha and sigma, of the data first."""
    found = way.diffusion.grid.levels
    return np.append(1.0, found.alpha.numpy()), np.append(0.0, found.sigma.numpy())


def eps_of(x: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
    return (x - alpha * 0.3 * x) / sigma


@pytest.mark.parametrize("spacing", ["log_snr", "linspace"])
def test_bdia_adds_a_step_down_and_takes_a_step_up_away(spacing: str) -> None:
    """Around each place, with X(x -> s) = alpha_s x_0 + sigma_s eps: below - above = X(-> below) - X(-> above)."""
    way = made("bdia", spacing=spacing)
    alpha, sigma = levels(way)
    walked = [X.numpy()] + [way.encode(Counted(), (X,), level=level)[0].numpy() for level in range(10)]
    first = eps_of(walked[0], alpha[1], sigma[1])  # data are shown as the least noisy level
    np.testing.assert_allclose(walked[1], alpha[1] * walked[0] + sigma[1] * first, rtol=0, atol=1e-12)
    for i in range(1, 10):
        x_start, eps = 0.3 * walked[i], eps_of(walked[i], alpha[i], sigma[i])
        up, down = (alpha[j] * x_start + sigma[j] * eps for j in (i + 1, i - 1))
        np.testing.assert_allclose(walked[i - 1] - walked[i + 1], down - up, rtol=0, atol=1e-11)


@pytest.mark.parametrize("spacing", ["log_snr", "linspace"])
def test_o_belm_is_exact_where_y_is_a_parabola_of_kappa(spacing: str) -> None:
    """Its local error is of third order: with eps = kappa and y = c + kappa^2 / 2 it makes none."""
    way = made("o_belm", spacing=spacing)
    alpha, sigma = levels(way)
    kappa = sigma / alpha
    y = 0.4 + kappa**2 / 2.0

    @dataclass
    class Parabola:
        def __call__(self, x: Tensor, at: Level, /) -> Denoised:
            x_start = at.x_start(x, at.kappa * torch.ones_like(x))
            return Denoised(x_start, x_start)

        def select(self, rows: Tensor, /) -> "Parabola":
            return self

    states: tuple[Tensor, ...] = tuple(torch.full((1, 1), alpha[i] * y[i], dtype=torch.float64) for i in (1, 0))
    for i, place in enumerate(range(9), start=2):
        states = way.up(Parabola(), states, place, Rng.from_seed(0, 1))
        assert float(states[0]) / alpha[i] == pytest.approx(y[i], rel=1e-9)


def test_fixed_points_are_the_inverse_of_a_step_of_ddim_where_rounds_are_many() -> None:
    process = inversion_process(WHOLE, 30, spacing="log_snr")
    one, many = FixedPointInversion(process, rounds=1), FixedPointInversion(process, rounds=60)
    errors = [
        float((way.decode(EVERY, way.encode(EVERY, (X,)))[0] - X).abs().max())
        for way in (DDIMInversion(process), one, many)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-9


def test_many_rounds_solve_a_linear_step() -> None:
    """With x_0 = 0.3 x a step of DDIM down multiplies x by a number; up is the division by it."""
    way = FixedPointInversion(inversion_process(WHOLE, 30), rounds=100)
    alpha, sigma = levels(way)
    factor = 1.0
    for i, j in itertools.pairwise(range(31)):
        eps = (1.0 - 0.3 * alpha[j]) / sigma[j]
        factor /= alpha[i] * 0.3 + sigma[i] * eps
    torch.testing.assert_close(way.encode(Counted(), (X,))[0], factor * X, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", ["rex", "rex_sde"])
def test_noise_that_was_decoded_comes_back_in_float32(name: str) -> None:
    way, noise = made(name, 25, dtype=torch.float32), torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    denoise = mixture().denoiser({"y": torch.full((64,), 2)})
    states = way.decode(denoise, (noise,), seed=7)
    back = way.encode(denoise, [state.clone() for state in states], seed=7)[0]
    assert float((back - noise).abs().max()) < 1e-4
    if name == "rex_sde":
        other = way.encode(denoise, states, seed=8)[0]
        assert float((other - noise).abs().max()) > 1.0


def test_the_noise_of_a_sample_belongs_to_its_seed() -> None:
    way, noise = made("rex_sde"), torch.zeros(2, 2, dtype=torch.float64)
    together = way.decode(EVERY.select(torch.tensor([0, 1])), (noise,), seed=[5, 9])[0]
    alone = way.decode(EVERY.select(torch.tensor([1])), (noise[1:],), seed=9)[0]
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EXACT)
def test_float32_is_enough(name: str) -> None:
    way, x = made(name, 25, dtype=torch.float32), X.float()
    assert float((way.decode(EVERY, way.encode(EVERY, (x,)))[0] - x).abs().max()) < 1e-5


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 5), (2, 3, 4, 4), (1, 1, 3, 2, 2)])
@pytest.mark.parametrize("name", EXACT)
def test_points_and_one_to_three_spatial_axes(name: str, shape: tuple[int, ...]) -> None:
    x, way = torch.linspace(-1, 1, int(np.prod(shape)), dtype=torch.float64).view(shape), made(name)
    states = way.encode(Counted(), (x,))
    assert all(state.shape == shape for state in states)
    torch.testing.assert_close(way.decode(Counted(), states)[0], x, rtol=0, atol=1e-7)


def dropping(layer: nn.Module) -> nn.Module:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor, time: Tensor, **conditioning: Tensor) -> Tensor:
            return 0.1 * self.layer(x)

    return Network()


@pytest.mark.parametrize("layer", [Dropout, nn.Dropout, nn.Dropout2d])
@pytest.mark.parametrize("name", INVERSIONS)
def test_dropout_is_refused_while_it_is_on(name: str, layer: Callable[[float], nn.Module]) -> None:
    way, network = made(name, 3, dtype=torch.float32), dropping(layer(0.1))
    plain = way.diffusion.denoiser(network, clip=False)
    x = torch.zeros(2, 1, 4, 4)
    for denoise in (plain, Clipped(plain), ClassifierFreeGuidance(plain, plain, 2.0)):
        for call in (way.encode, way.decode):
            with pytest.raises(
                SettingsError, match=r"^denoise: .*dropout of 0.1 in training mode .*network\.eval\(\)$"
            ):
                call(denoise, (x,))
    network.eval()
    assert way.encode(plain, (x,))[0].shape == x.shape


def test_dropout_of_nothing_is_none() -> None:
    way = made("bdia", 3)
    way.encode(way.diffusion.denoiser(dropping(nn.Dropout(0.0)), clip=False), (torch.zeros(2, 1, 4, 4),))


def test_other_numbers_of_states_are_refused() -> None:
    for name, given in (("ddim", (X, X)), ("bdia", (X, X, X)), ("rex", ())):
        with pytest.raises(SettingsError, match="states: one or all of"):
            made(name).decode(EVERY, given)


@pytest.mark.parametrize("change", [{"coupling": 0.0}, {"coupling": 1.1}, {"tau": -1.0}])
def test_options_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(change))):
        replace(RexSDEInversion(WHOLE), **change)


def test_the_grid_is_chosen_by_name() -> None:
    process = inversion_process(WHOLE, 12, spacing="log_snr")
    log_snr = np.log(process.grid.levels.kappa.numpy())
    np.testing.assert_allclose(np.diff(log_snr), np.diff(log_snr)[0], rtol=1e-6)
    assert process.grid.levels.kappa[-1] <= 20.0 * (1 + 1e-9)
    with pytest.raises(SettingsError, match="log_snr"):
        inversion_process(WHOLE, 12, spacing="log_sn")


def test_a_mixture_of_independent_noise_is_noise_and_on_the_arc_of_two() -> None:
    codes = torch.tensor([[3.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 0.0], [1.0, 1.0], [3.0, 4.0]], dtype=torch.float64)
    wanted = torch.tensor([[3.0, 0.0], [4.5**0.5, 4.5**0.5], [1.8, 2.4]], dtype=torch.float64)
    torch.testing.assert_close(mix(codes, weights), wanted)
    with pytest.raises(SettingsError, match="weights: one that is not 0 wanted"):
        mix(codes, torch.zeros(1, 2, dtype=torch.float64))


def test_rule_of_a_denoiser_is_a_protocol() -> None:
    assert isinstance(Counted(), Denoiser)
